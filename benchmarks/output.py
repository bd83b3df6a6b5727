"""Output of the benchmarks: progress on stderr, and tables as Markdown."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.part import Table


def progress(message: str) -> None:
    """Write a progress message to stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def markdown(table: "Table") -> str:
    """Return a section of docs/performance.md. All columns except the first are numbers."""
    lines = [
        list(table.head),
        ["---", *["---:"] * (len(table.head) - 1)],
        *map(list, table.rows),
    ]
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    notes = "".join(f"{note}\n" for note in table.notes)
    return f"### {table.title}\n\n{body}\n{notes}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a Markdown table to stdout. All columns except the first are numbers."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *[list(map(str, r)) for r in rows]]
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines))
