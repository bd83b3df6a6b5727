"""The `flask …` commands. Each reads its arguments, calls a service and prints the result.

Exit codes: 0 done, 1 not done (the reason is on stderr), 2 usage error.
"""

from collections.abc import Iterable

import click
from flask import Flask

from webapp.cli import (
    audit,
    console,
    database,
    doctor,
    keys,
    notifications,
    operators,
    tokens,
    worker,
)
from webapp.cli.console import PROBLEMS
from webapp.settings import Problem

__all__ = ["describe", "register", "unconfigured_app"]

ABOUT = "Coatcheck connects TikTok accounts and keeps their access fresh for your services."
#: Commands and options of Flask and its extensions: they work, but would be misleading here.
_HIDDEN_COMMANDS = ("limiter", "routes", "run", "shell")
_HIDDEN_OPTIONS = ("app", "debug")


def register(app: Flask) -> None:
    """Give the app its commands."""
    app.cli.add_command(audit.audit)
    app.cli.add_command(doctor.doctor)
    app.cli.add_command(keys.keys)
    app.cli.add_command(notifications.notifications)
    app.cli.add_command(operators.operators)
    for each in (worker.run, doctor.check_refreshing):
        tokens.tokens.add_command(each)
    app.cli.add_command(tokens.tokens)
    if isinstance(db := app.cli.commands.get("db"), click.Group):
        app.cli.add_command(database.group(db), "db")


def unconfigured_app(problems: Iterable[Problem]) -> Flask:
    """Return an app that serves nothing; its commands list the missing or invalid settings."""
    app = Flask("webapp", static_folder=None, template_folder=None)
    app.extensions[PROBLEMS] = tuple(problems)
    register(app)
    app.cli.add_command(_unconfigured_db)
    return app


@click.command(
    "db",
    help=database.HELP,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def _unconfigured_db(words: tuple[str, ...]) -> None:
    console.current_runtime()


def describe(root: click.Command) -> None:
    """Make the help of `flask` itself describe Coatcheck and list its commands only."""
    if not isinstance(root, click.Group):
        return
    root.help = ABOUT
    for name in _HIDDEN_COMMANDS:
        if command := root.commands.get(name):
            command.hidden = True
    for option in root.params:
        if isinstance(option, click.Option) and option.name in _HIDDEN_OPTIONS:
            option.hidden = True

    def start_over(context: click.Context, formatter: click.HelpFormatter) -> None:
        # Flask loads the app, and with it this module, only after it has written its own
        # introduction. The epilog comes last, so this is where all of it can be replaced.
        formatter.buffer.clear()
        root.format_usage(context, formatter)
        root.format_help_text(context, formatter)
        root.format_commands(context, formatter)
        click.Command.format_options(root, context, formatter)

    root.format_epilog = start_over  # type: ignore[assignment,method-assign]  # see the comment above
