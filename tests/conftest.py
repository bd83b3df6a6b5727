"""Brings the fixtures of `tests/fixtures/` to every test, and tells what could not run."""

import pytest

from tests.missing import told_once

pytest_plugins = (
    "tests.fixtures.database",
    "tests.fixtures.app",
    "tests.fixtures.pages",
    "tests.fixtures.served",
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line each what was not run, and why."""
    for line in told_once(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line, yellow=True)
