"""How far a long command is: a bar on a terminal, else a plain line for each tenth; on stderr."""

import sys
from types import TracebackType
from typing import Self

import click


class Progress:
    """Shown while the block lasts; `at` may be called as often as one likes."""

    def __init__(self, label: str, length: int) -> None:
        """Take what is being done, and how many there are."""
        self._label = label
        self._length = length
        self._count = self._tenth = 0
        self._bar = None
        if sys.stderr.isatty():
            self._bar = click.progressbar(
                length=length, label=label, file=sys.stderr, show_pos=True, show_eta=True
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, failure, trace)

    def at(self, count: int) -> None:
        """Show that so many are done."""
        count = min(count, self._length)
        step, self._count = count - self._count, max(count, self._count)
        if self._bar is not None:
            self._bar.update(max(step, 0))
            return
        tenth = 10 * self._count // self._length if self._length else 0
        if tenth > self._tenth:
            self._tenth = tenth
            click.echo(f"{self._label}: {self._count} of {self._length}", err=True)
