"""The rules of the code that a machine can check: style, types, sizes, names, first sentences."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.processes import ROOT

PROGRAMS = ("webapp", "sandbox", "demo", "benchmarks")
#: A file holds one feature. With 200 lines, ideas were sliced until they fitted.
MAX_LINES = 400
#: Modules in one folder, `__init__` and `__main__` not counted: more is a corridor of doors.
MAX_MODULES = 15
#: One table a file, one step a file: these folders grow by one file at a time.
ONE_THING_A_FILE = ("webapp/models", "webapp/migrations/versions")
#: Names that say nothing about what is inside.
EMPTY_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|manager|handlers?|misc|data|info)(_|$)")
#: TikTok's own name for this endpoint.
ALLOWED_NAMES = {"user_info"}
#: Found by text first, because parsing every file takes seconds.
IMPORT_AS = re.compile(r"\bimport\b[^#]*? as ")
#: Found without parsing hundreds of files, for the same reason.
BEGINNING = re.compile(rb'(?:#[^\n]*\n|\s)*r?"""\s*[^\s"]')
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
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        # Without its cache, as in a new clone, it takes longer than any other test.
        pytest.param(["mypy"], marks=pytest.mark.long),
    ],
    ids=lambda tool: " ".join(tool),
)
def test_the_tools_find_nothing(tool: list[str]) -> None:
    args = [sys.executable, "-m", *tool]
    run = subprocess.run(args, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert run.returncode == 0, run.stdout + run.stderr


def test_mypy_is_strict_about_every_program() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "strict = true" in text
    assert 'packages = ["webapp", "sandbox", "demo", "benchmarks"]' in text


def too_long(root: Path) -> list[str]:
    """Return the files below `root` with more than `MAX_LINES` lines."""
    return [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*.py"))
        if len(path.read_bytes().splitlines()) > MAX_LINES
    ]


def too_full(root: Path) -> list[str]:
    """Return the folders below `root` with more than `MAX_MODULES` modules."""
    folders = Counter(p.parent for p in root.rglob("*.py") if not p.stem.startswith("__"))
    full = sorted(folder for folder, count in folders.items() if count > MAX_MODULES)
    return [folder.relative_to(root).as_posix() for folder in full]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_file_is_longer_than_one_feature(program: str) -> None:
    assert not too_long(ROOT / program), "a file holds one feature: split it where the idea ends"


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_folder_holds_more_than_one_can_overlook(program: str) -> None:
    full = {f"{program}/{folder}" for folder in too_full(ROOT / program)}
    assert not full - set(ONE_THING_A_FILE), "make a package of what belongs together"


def test_a_file_and_a_folder_that_are_too_large_are_found(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "small" / "long.py").write_text("x = 1\n" * (MAX_LINES + 1), encoding="utf-8")
    for number in range(MAX_MODULES + 1):
        (tmp_path / "full" / f"m{number}.py").write_text("x = 1\n" * MAX_LINES, encoding="utf-8")
    assert too_long(tmp_path) == ["small/long.py"]
    assert too_full(tmp_path) == ["full"]


def module_aliases(text: str) -> list[str]:
    """Return the modules of our own that this source imports under another name."""
    found: list[str] = []
    if not IMPORT_AS.search(text):
        return found
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ImportFrom | ast.Import):
            continue
        package = node.module if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            full = f"{package}.{alias.name}" if package else alias.name
            is_module = (ROOT / f"{full.replace('.', '/')}.py").is_file()
            if alias.asname and is_module and full.split(".")[0] in (*PROGRAMS, "tests"):
                found.append(full)
    return found


def test_none_of_our_modules_is_imported_under_another_name() -> None:
    files = python_files(*PROGRAMS, "tests") + sorted(ROOT.glob("*.py"))
    renamed = {name(p): module_aliases(p.read_text(encoding="utf-8")) for p in files}
    assert not {path: found for path, found in renamed.items() if found}, "if it collides, rename"


def test_a_module_under_another_name_is_found() -> None:
    offences = (
        "from webapp.services.connect import disconnect as ending\nimport webapp.clock as c\n"
    )
    harmless = "from webapp.language import gettext as _\nimport sqlalchemy as sa\n"
    assert module_aliases(offences) == ["webapp.services.connect.disconnect", "webapp.clock"]
    assert module_aliases(harmless) == []


def says_what_it_is_for(source: bytes) -> bool:
    """Return True if a module begins with a docstring."""
    return bool(BEGINNING.match(source))


@pytest.mark.parametrize(
    "source", [b'"""It holds."""\n', b'#!/usr/bin/env python\n\n"""It holds."""']
)
def test_a_module_that_begins_with_what_it_is_for_is_seen(source: bytes) -> None:
    assert says_what_it_is_for(source)


@pytest.mark.parametrize("source", [b"", b"import os\n", b'""\n', b'x = """It holds."""\n'])
def test_a_module_that_begins_otherwise_is_seen(source: bytes) -> None:
    assert not says_what_it_is_for(source)


def test_every_module_begins_with_what_it_is_for() -> None:
    files = python_files(*PROGRAMS, "tests") + sorted(ROOT.glob("*.py"))
    silent = [name(path) for path in files if not says_what_it_is_for(path.read_bytes())]
    assert not silent, "begin each with one sentence: what it is for, and what it never does"


def test_every_file_name_says_what_is_inside() -> None:
    files = python_files(*PROGRAMS, "tests")
    parts = {name(p): {p.stem, *p.relative_to(ROOT).parts[:-1]} - ALLOWED_NAMES for p in files}
    empty = [path for path, words in parts.items() if any(map(EMPTY_NAMES.search, words))]
    assert not empty, "name the idea that these files hold"


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
