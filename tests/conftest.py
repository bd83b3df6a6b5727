"""Brings the fixtures of `tests/fixtures/` to every test, and tells what could not run."""

import gc
import os
import re
import sys
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from tests.missing import told_once

# Collecting only adds objects that live to the end; looking for garbage takes a third of its time.
gc.disable()

pytest_plugins = (
    "tests.fixtures.database",
    "tests.fixtures.app",
    "tests.fixtures.pages",
    "tests.fixtures.served",
)


@pytest.fixture(autouse=True)
def nobody_acts() -> None:
    """Begin every test as nobody: a worker that ran in this thread leaves its name behind."""
    if (actor := sys.modules.get("webapp.actor")) is not None:
        actor.act_as_nobody()


#: In a file whose tests start processes, one of these words is used.
STARTS_PROCESSES = re.compile(r"\b(subprocess|[Ss]erve|server|Site|processes)\b")


@cache
def starts_processes(path: Path) -> bool:
    """Return True if tests in this file start servers, commands or browsers."""
    return bool(STARTS_PROCESSES.search(path.read_text(encoding="utf-8")))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the slow tests first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: (-_allowed(item), not starts_processes(item.path)))
    items[:] = _dealt(items, getattr(config, "workerinput", {}).get("workercount", 1))


def _dealt(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Deal the slow tests among the workers' shares: xdist gives each a part of the list."""
    slow = [item for item in items if _allowed(item)]
    others = iter(items[len(slow) :])
    dealt: list[pytest.Item] = []
    for number in range(1, workers + 1):
        dealt += slow[number - 1 :: workers]
        dealt += islice(others, max(len(items) * number // workers - len(dealt), 0))
    return dealt + list(others)


def _allowed(item: pytest.Item) -> float:
    """Return the seconds that a long test asks for, if it needs more than others."""
    long, timeout = item.get_closest_marker("long"), item.get_closest_marker("timeout")
    return float(timeout.args[0]) if long and timeout and timeout.args else 0


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of collected tests, which live to the end."""
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Run two tests a core at a time: most of them wait, for servers, leases and browsers."""
    return 2 * (os.cpu_count() or 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line each what was not run, and why."""
    for line in told_once(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line, yellow=True)
