"""What every command asks before it acts: is there an app to act on; acts on nothing itself.

How far a long command is: a bar on a terminal, else a plain line for each tenth; on stderr.
"""

import json
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NoReturn, Self, cast

import click
from flask import current_app

from webapp.actor import Actor, acting_as
from webapp.services.maintenance.database_checks import database_fault
from webapp.services.runtime import Runtime
from webapp.settings import Problem, listed

#: Where an app that waits for its settings keeps what is wrong with them.
WAITING = "coatcheck.waiting"


def runtime() -> Runtime:
    """Return the runtime to act on. Ends the command with the problems if settings are refused."""
    problems = current_app.extensions.get(WAITING)
    if problems is not None:
        fail(problem_text(problems))
    return cast(Runtime, current_app.extensions["coatcheck"])


def migrated_runtime() -> Runtime:
    """Return the runtime of a database that is there and new enough, else end with what to do."""
    at = runtime()
    fault = database_fault()
    if fault is not None:
        fail_with("Nothing can be done without the database.", fault)
    context = click.get_current_context()
    context.with_resource(acting_as(Actor("command", _command_name(context))))
    return at


def _command_name(command: click.Context) -> str:
    """Return what a command is called by: "tokens refresh"."""
    words: list[str] = []
    at: click.Context | None = command
    while at is not None and at.parent is not None:
        words.insert(0, at.info_name or "")
        at = at.parent
    return " ".join(words)


def runtime_or_none() -> Runtime | None:
    """Return the runtime, or None while settings are refused: for what works without."""
    return None if WAITING in current_app.extensions else runtime()


def problem_text(problems: Iterable[Problem]) -> str:
    """Return the problems under one heading, as every refused start and command prints them."""
    problems = tuple(problems)
    count = "one thing" if len(problems) == 1 else f"{len(problems)} things"
    return f"Coatcheck cannot start, {count} to fix:\n{listed(problems)}"


def fail(reason: str) -> NoReturn:
    """End the command with 1 and the reason on stderr."""
    click.echo(reason, err=True)
    sys.exit(1)


def fail_with(heading: str, found: Problem) -> NoReturn:
    """End the command with 1, what does not fit and what to do."""
    fail(f"{heading}\n{listed([found])}")


def show_json(value: Any) -> None:
    """Print a value for scripts."""
    click.echo(json.dumps(value, indent=2))


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
