"""Generates the tables of docs/security.md: each promise and fault with its tests, and a score.

`python -m tests.promises.page` writes it; the text above the marker is written by hand. The
promises and their tests are in promises.toml beside this file; tests/mutants has the rest.
"""

import ast
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.mutants.page import score_section
from tests.processes import ROOT

PAGE = ROOT / "docs" / "security.md"
COMMAND = "python -m tests.promises.page"
TESTS = ROOT / "tests"
_FOLDER = Path(__file__).parent
#: How many files a promise links to; the rest are counted.
_MOST_LINKS = 5
MARKER = "<!-- generated from here on -->\n"


@dataclass(frozen=True)
class Promise:
    """One promise, and the tests that would fail without it."""

    id: str
    topic: str
    text: str
    #: Requirements of OWASP ASVS 5.0, and RFCs.
    standards: tuple[str, ...] = ()
    #: Below tests/: a file, a class in it or one test.
    tests: tuple[str, ...] = ()
    #: Why there is no test yet.
    gap: str = ""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong around Coatcheck, and the tests that do it."""

    fault: str
    #: What they see of it.
    people: str
    operators: str
    #: What is kept, and how.
    kept: str
    tests: tuple[str, ...]


def promises(text: str | None = None) -> list[Promise]:
    """Return every promise of promises.toml, or of a text like it."""
    return [Promise(**row) for row in _rows("promises", text)]


def faults(text: str | None = None) -> list[Fault]:
    """Return every fault of promises.toml, or of a text like it."""
    return [Fault(**row) for row in _rows("faults", text)]


def _rows(table: str, text: str | None) -> Iterator[dict[str, Any]]:
    if text is None:
        text = (_FOLDER / "promises.toml").read_text(encoding="utf-8")
    for row in tomllib.loads(text)[table]:
        yield {
            key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
        }


@cache
def tests_in(file: str) -> tuple[str, ...]:
    """Return the tests of a file below tests/ as `test_a` or `TestB::test_c`; () without a file."""
    path = TESTS / file
    if not path.is_file():
        return ()
    return tuple(_names(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def _names(body: Iterable[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield prefix + node.name


def matching(entry: str) -> list[str]:
    """Return the tests that an entry of promises.toml names."""
    file, _, name = entry.partition("::")
    return [
        f"{file}::{test}"
        for test in tests_in(file)
        if not name or test == name or test.startswith(f"{name}::")
    ]


def generated() -> str:
    """Return everything below the marker."""
    return render(promises(), faults()) + score_section()


def render(rows: list[Promise], wrong: list[Fault] | None = None) -> str:
    """Return what is generated: the promises by topic, which have no test, and the faults."""
    without = [row.id for row in rows if not row.tests]
    named = ", ".join(f"`{each}`" for each in without) or "no promise"
    parts = [f"\n**Without a test:** {named}.\n"]
    topics = dict.fromkeys(row.topic for row in rows)
    for topic in topics:
        parts.append(f"\n### {topic}\n\n| ID | Promise | Tests |\n| --- | --- | --- |\n")
        parts += [_line(row) for row in rows if row.topic == topic]
    if wrong:
        parts.append("\n## Faults\n\nWhat happens if something around Coatcheck goes wrong.\n\n")
        parts.append("| Fault | People see | Operators see | What is kept | Tests |\n")
        parts.append("| --- | --- | --- | --- | --- |\n")
        for each in wrong:
            cells = (each.fault, each.people, each.operators, each.kept, _links(each))
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def _line(row: Promise) -> str:
    standards = f"<br>{', '.join(row.standards)}" if row.standards else ""
    return f"| `{row.id}`{standards} | {row.text} | {_links(row)} |\n"


def _links(row: Promise | Fault) -> str:
    """Return links to the files of the tests, those with the most tests first."""
    if isinstance(row, Promise) and not row.tests:
        return row.gap.capitalize()
    tests = {test for entry in row.tests for test in matching(entry)}
    counts = Counter(test.partition("::")[0] for test in tests)
    files = sorted(counts, key=lambda file: (-counts[file], file))
    links = [f"[{file}](../tests/{file}) ({counts[file]})" for file in files[:_MOST_LINKS]]
    more = len(files) - len(links)
    if more:
        links.append(f"and {more} more {'file' if more == 1 else 'files'}")
    return ", ".join(links)


def write() -> None:
    """Replace what is below the marker of the page."""
    written, marker, _generated = PAGE.read_text(encoding="utf-8").partition(MARKER)
    assert marker, f"{PAGE.name} has lost the line {MARKER}"
    PAGE.write_text(written + marker + generated(), encoding="utf-8")


if __name__ == "__main__":
    write()
