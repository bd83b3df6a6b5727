"""Shared by all commands: getting the runtime, failing with a reason, reporting progress."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn, cast

import click
from flask import current_app

from webapp.actor import Actor, acting_as
from webapp.services.maintenance.database_checks import database_fault
from webapp.services.runtime import Runtime
from webapp.settings import Problem, listed

#: The extension in which an unconfigured app stores the problems with its settings.
PROBLEMS = "coatcheck.problems"

#: TikTok's open_ids begin with a dash; a word that isn't one of our options is an argument.
DASHES_ALLOWED = {"ignore_unknown_options": True}
open_id_argument = click.argument("open_id", type=click.UNPROCESSED)
json_option = click.option("--json", "as_json", is_flag=True, help="Output JSON.")


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
    """Print a value as JSON, with times as ISO 8601."""
    click.echo(json.dumps(value, indent=2, default=datetime.isoformat))


@contextmanager
def progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Report progress on stderr: a bar on a terminal, otherwise one line for each tenth.

    `label` is a word such as "Copied", `length` the number of items. Yields a function that takes
    the number of items done so far, and is cheap enough to call often.
    """
    done = 0

    def report(count: int) -> None:
        nonlocal done
        before, done = done, max(min(count, length), done)
        if done > before and 10 * done // length > 10 * before // length:
            click.echo(f"{label}: {done} of {length}", err=True)

    if not sys.stderr.isatty():
        yield report
        return
    with click.progressbar(
        length=length, label=label, file=sys.stderr, show_pos=True, show_eta=True
    ) as bar:
        yield lambda count: bar.update(max(min(count, length) - bar.pos, 0))
