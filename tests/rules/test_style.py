"""The rules of the runtime that a machine can hold: style, types, sizes, names, first sentences."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

PROGRAMS = ("webapp", "sandbox", "benchmarks")
#: A file holds one feature. With 200 lines ideas were sliced until they fitted.
MOST_LINES = 400
#: File → why it may be longer.
LONGER: dict[str, str] = {}
#: Names of drawers: whatever is thrown in there belongs to a room with a name.
DRAWERS = re.compile(r"(^|_)(utils?|helpers?|common|manager|handlers?|misc|data|info)(_|$)")
SILENCED = re.compile(r"#\s*(noqa|type:\s*ignore|nosec|pragma:\s*no cover)(?P<rest>.*)")
REASON = re.compile(r"[a-z'`]+ [a-z'`]+", re.IGNORECASE)


def python_files(*rooms: str) -> list[Path]:
    """Return the Python files of `rooms`, migrations included."""
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def name(path: Path) -> str:
    """Return the path as one writes it in the repository."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "tool",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=lambda tool: " ".join(tool),
)
def test_the_tools_find_nothing(tool: list[str]) -> None:
    args = [sys.executable, "-m", *tool]
    run = subprocess.run(args, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert run.returncode == 0, run.stdout + run.stderr


def test_mypy_is_strict_about_every_program() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "strict = true" in text
    assert 'packages = ["webapp", "sandbox", "benchmarks"]' in text


def test_no_file_is_longer_than_one_feature() -> None:
    lengths = {name(p): len(p.read_bytes().splitlines()) for p in python_files(*PROGRAMS)}
    long = {path: lines for path, lines in lengths.items() if lines > MOST_LINES}
    assert long.keys() <= LONGER.keys(), f"split, or give the reason in LONGER: {long}"
    assert LONGER.keys() <= long.keys(), "these are short again, take them off LONGER"


def test_every_module_begins_with_what_it_is_for() -> None:
    files = python_files(*PROGRAMS, "tests") + sorted(ROOT.glob("*.py"))
    trees = {name(path): ast.parse(path.read_text(encoding="utf-8")) for path in files}
    silent = [path for path, tree in trees.items() if not ast.get_docstring(tree)]
    assert not silent, "begin each with one sentence: what it is for, and what it never does"


def test_no_file_is_a_drawer() -> None:
    files = python_files(*PROGRAMS, "tests")
    parts = {name(p): [p.stem, *p.relative_to(ROOT).parts[:-1]] for p in files}
    drawers = [path for path, words in parts.items() if any(map(DRAWERS.search, words))]
    assert not drawers, "name the idea that these files hold"


def test_every_silenced_check_has_its_reason_beside_it() -> None:
    bare = []
    for path in python_files(*PROGRAMS, "tests") + sorted(ROOT.glob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            found = SILENCED.search(line)
            above = lines[number - 1].strip() if number else ""
            if found and not REASON.search(found["rest"]) and not above.startswith("#"):
                bare.append(f"{name(path)}:{number + 1}")
    assert not bare, "say why, on the line or in a comment above it"
