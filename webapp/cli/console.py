"""What every command asks before it acts: is there an app to act on; acts on nothing itself."""

import json
import sys
from collections.abc import Iterable
from typing import Any, NoReturn, Protocol, cast

import click
from flask import current_app

from webapp import acting
from webapp.acting import Actor
from webapp.services.house import House
from webapp.services.maintenance.database_checks import database_fault
from webapp.settings import Problem, listed

#: Where an app that waits for its settings keeps what is wrong with them.
WAITING = "coatcheck.waiting"


def house() -> House:
    """Return the house to act on. Ends the command with the problems if settings are refused."""
    problems = current_app.extensions.get(WAITING)
    if problems is not None:
        not_done(words(problems))
    return cast(House, current_app.extensions["coatcheck"])


def migrated_house() -> House:
    """Return the house of a database that is there and new enough, else end with what to do."""
    at = house()
    fault = database_fault()
    if fault is not None:
        unfit("Nothing can be done without the database.", fault)
    context = click.get_current_context()
    context.with_resource(acting.as_(Actor("command", _words_of(context))))
    return at


def _words_of(command: click.Context) -> str:
    """Return what a command is called by: "tokens refresh"."""
    words: list[str] = []
    at: click.Context | None = command
    while at is not None and at.parent is not None:
        words.insert(0, at.info_name or "")
        at = at.parent
    return " ".join(words)


def house_or_none() -> House | None:
    """Return the house, or None while settings are refused: for what works without."""
    return None if WAITING in current_app.extensions else house()


def words(problems: Iterable[Problem]) -> str:
    """Return the problems under one heading, as every refused start and command prints them."""
    problems = tuple(problems)
    count = "one thing" if len(problems) == 1 else f"{len(problems)} things"
    return f"Coatcheck cannot start, {count} to mend:\n{listed(problems)}"


def not_done(reason: str) -> NoReturn:
    """End the command with 1 and the reason on stderr."""
    click.echo(reason, err=True)
    sys.exit(1)


class Unfit(Protocol):
    """Something that does not fit, and what to do about it."""

    @property
    def name(self) -> str:
        """What it is about, as an operator knows it."""

    @property
    def cause(self) -> str:
        """What is wrong with it."""

    @property
    def mend(self) -> str:
        """What to do."""


def unfit(heading: str, found: Unfit) -> NoReturn:
    """End the command with 1, what does not fit and what to do."""
    not_done(f"{heading}\n{listed([Problem(found.name, found.cause, found.mend)])}")


def show_json(value: Any) -> None:
    """Print a value for scripts."""
    click.echo(json.dumps(value, indent=2))
