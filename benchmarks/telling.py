"""What a program says: progress on stderr, one Markdown table on stdout; measures nothing."""

import sys
from collections.abc import Iterable, Sequence


def progress(words: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a Markdown table on stdout; all columns but the first are numbers."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *[list(map(str, r)) for r in rows]]
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines))
    sys.stdout.flush()
