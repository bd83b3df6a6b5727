"""The common shape of the parts of `python -m benchmarks`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import TypeVar

from benchmarks.output import progress
from tests.databases import Postgres

Cell = TypeVar("Cell")
Result = TypeVar("Result")


class NothingChosen(Exception):
    """No row of a part has a name that contains what was asked for."""


class Size(StrEnum):
    """How much is measured."""

    #: Enough to see that a benchmark works. Its figures mean nothing.
    TINY = "tiny"
    #: All parts together take two minutes.
    QUICK = "quick"
    #: What docs/performance.md shows.
    FULL = "full"


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    size: Size
    #: A running server; None: SQLite only.
    postgres: Postgres | None = None
    #: Only rows whose name contains this text, and what they are compared with.
    only: str = ""

    @property
    def databases(self) -> list[tuple[str, Postgres | None]]:
        """The databases to measure, by name."""
        found: list[tuple[str, Postgres | None]] = [("SQLite", None)]
        return [*found, ("PostgreSQL", self.postgres)] if self.postgres else found


@dataclass(frozen=True)
class Table:
    """One table of the report. All columns except the first are numbers."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    #: Sentences below the table.
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """One topic."""

    name: str
    #: What it measures, in one line.
    about: str
    run: Callable[[Options], Iterable[Table]]


def interleaved(
    cells: Sequence[Cell], rounds: int, measure: Callable[[Cell], Result]
) -> dict[Cell, list[Result]]:
    """Measure every cell once a round, so that a busy machine slows all of them alike.

    Every other round goes backwards, so that none is always measured first. Raises NothingChosen
    if there are no cells.
    """
    if not cells:
        raise NothingChosen
    found: dict[Cell, list[Result]] = {cell: [] for cell in cells}
    for number in range(rounds):
        for cell in cells if number % 2 == 0 else reversed(cells):
            result = measure(cell)
            progress(f"round {number + 1} of {rounds}, {cell}: {result}")
            found[cell].append(result)
    return found


def noise(name: str, values: Sequence[float]) -> str:
    """Return a sentence that says how much the baseline varied from round to round."""
    if len(values) < 2:
        return "One round only, so the noise is unknown."
    spread = (max(values) - min(values)) / median(values)
    return (
        f"Noise: over {len(values)} rounds, {name} varied by {spread:.0%} between slowest and"
        " fastest."
    )


def number(value: float) -> str:
    """Return a number with three digits, or more before the point."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratios(values: Iterable[float], base: Iterable[float]) -> float:
    """Return the median of the ratios of each round."""
    return median(ours / theirs for ours, theirs in zip(values, base, strict=True))
