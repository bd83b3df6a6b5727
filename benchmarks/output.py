"""Output of the benchmarks: progress on stderr, a Markdown table on stdout."""

import sys
from collections.abc import Iterable, Sequence


def progress(message: str) -> None:
    """Write a progress message to stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a Markdown table to stdout. All columns except the first are numbers."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *[list(map(str, r)) for r in rows]]
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines))
    sys.stdout.flush()
