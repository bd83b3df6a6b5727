"""Shared by all commands: getting the runtime, failing with a reason, reporting progress."""

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

#: The extension in which an unconfigured app stores the problems with its settings.
PROBLEMS = "coatcheck.problems"


def current_runtime() -> Runtime:
    """Return the runtime. If settings are invalid, print the problems and exit with 1."""
    problems = current_app.extensions.get(PROBLEMS)
    if problems is not None:
        fail(problem_text(problems))
    return cast(Runtime, current_app.extensions["coatcheck"])


def runtime_or_none() -> Runtime | None:
    """Return the runtime, or None if settings are invalid."""
    return None if PROBLEMS in current_app.extensions else current_runtime()


def migrated_runtime() -> Runtime:
    """Return the runtime, and make this command the actor in the audit log.

    If the database is missing or not at the latest migration, print the fix and exit with 1.
    """
    runtime = current_runtime()
    fault = database_fault()
    if fault is not None:
        fail_with("This command needs the database.", fault)
    context = click.get_current_context()
    context.with_resource(acting_as(Actor("command", _command_name(context))))
    return runtime


def _command_name(context: click.Context) -> str:
    """Return a command's name without the program's name, such as "tokens refresh"."""
    words: list[str] = []
    at: click.Context | None = context
    while at is not None and at.parent is not None:
        words.insert(0, at.info_name or "")
        at = at.parent
    return " ".join(words)


def problem_text(problems: Iterable[Problem]) -> str:
    """Return the problems under one heading, as a failed start or command prints them."""
    problems = tuple(problems)
    count = "one thing" if len(problems) == 1 else f"{len(problems)} things"
    return f"Coatcheck cannot start, {count} to fix:\n{listed(problems)}"


def fail(reason: str) -> NoReturn:
    """Exit with 1 and print the reason to stderr."""
    click.echo(reason, err=True)
    sys.exit(1)


def fail_with(heading: str, problem: Problem) -> NoReturn:
    """Exit with 1 and print the problem, with its fix, to stderr."""
    fail(f"{heading}\n{listed([problem])}")


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2))


class Progress:
    """Reports progress on stderr: a bar on a terminal, otherwise one line for each tenth."""

    def __init__(self, label: str, length: int) -> None:
        """Take a label, such as "Copied", and the number of items."""
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

    def update(self, count: int) -> None:
        """Report the total number of items done so far. Cheap enough to call often."""
        count = min(count, self._length)
        step, self._count = count - self._count, max(count, self._count)
        if self._bar is not None:
            self._bar.update(max(step, 0))
            return
        tenth = 10 * self._count // self._length if self._length else 0
        if tenth > self._tenth:
            self._tenth = tenth
            click.echo(f"{self._label}: {self._count} of {self._length}", err=True)
