"""The README stays short, and its two commands are those that tests and `.ci/run` use."""

import re

import pytest

from tests.processes import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
VENV = "python3 -m venv .venv && .venv/bin/pip install -r "
TRY = f"{VENV}requirements.txt && .venv/bin/python wsgi.py"
TEST = f"{VENV}requirements-dev.txt && .venv/bin/python -m pytest"


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 170


@pytest.mark.parametrize("command", [TRY, TEST])
def test_each_command_is_in_a_block_of_its_own(command: str) -> None:
    assert README.count(f"```\n{command}\n```\n") == 1


@pytest.mark.parametrize("path", [".ci/run", ".github/workflows/tests.yml"])
def test_the_test_command_is_what_runs_elsewhere(path: str) -> None:
    assert TEST in (ROOT / path).read_text(encoding="utf-8")


def test_what_the_badges_say_is_true() -> None:
    assert "img.shields.io/badge/python-3.11%2B" in README
    assert 'target-version = "py311"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "img.shields.io/badge/license-MIT" in README
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    workflow = re.findall(r"actions/workflows/([\w.]+)/badge", README)
    assert [(ROOT / ".github/workflows" / name).is_file() for name in workflow] == [True]
