"""What an operator types on the server; like the views a door, that decides nothing itself.

Exit codes: 0 done, 1 not done with the reason on stderr, 2 wrong words.
"""

from collections.abc import Iterable

import click
from flask import Flask

from webapp.cli import console, doctor, keys, notifications, operators, tokens, worker
from webapp.cli.console import WAITING
from webapp.settings import Problem

__all__ = ["register", "waiting"]


def register(app: Flask) -> None:
    """Give the app its commands."""
    app.cli.add_command(doctor.doctor)
    app.cli.add_command(keys.keys)
    app.cli.add_command(notifications.notices)
    app.cli.add_command(operators.operators)
    for each in (
        worker.run,
        doctor.check_keeping,
        tokens.reseal,
        tokens.rescue,
        tokens.adopt,
        tokens.copy_all,
    ):
        tokens.tokens.add_command(each)
    app.cli.add_command(tokens.tokens)


def waiting(problems: Iterable[Problem]) -> Flask:
    """Return an app that serves nothing and knows why, so that commands can say what is missing."""
    app = Flask("webapp", static_folder=None, template_folder=None)
    app.extensions[WAITING] = tuple(problems)
    register(app)
    app.cli.add_command(_database_waits)
    return app


@click.command(
    "db", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def _database_waits(words: tuple[str, ...]) -> None:
    """Migrate the database, once the settings allow it."""
    console.runtime()
