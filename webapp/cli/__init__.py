"""The `flask …` commands. Each reads its arguments, calls a service and prints the result.

Exit codes: 0 done, 1 not done (the reason is on stderr), 2 usage error.
"""

from collections.abc import Callable, Iterable
from typing import Any

import click
from flask import Flask

from webapp.cli.console import PROBLEMS, current_runtime
from webapp.settings import Problem

__all__ = ["LazyCommand", "describe", "register", "unconfigured_app"]

ABOUT = "Coatcheck connects TikTok accounts and keeps their access fresh for your services."
#: Commands and options of Flask and its extensions: they work, but would be misleading here.
_HIDDEN_COMMANDS = ("limiter", "routes", "run", "shell")
_HIDDEN_OPTIONS = ("app", "debug")


class LazyCommand(click.Group):
    """A command, or a group of them, that is imported when it's used.

    Until then, only the line about it in `flask --help` is known. The web server needs no more.
    """

    def __init__(self, name: str, line: str, load: Callable[[], click.Command]) -> None:
        """Store the line for the list of commands, and what imports the command."""
        super().__init__(name, help=line)
        self.load = load

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Begin to run the command itself, which is the one of the context from then on."""
        return self.load().make_context(*args, **options)


def register(app: Flask) -> None:
    """Give the app its commands."""
    for name, (line, load) in _COMMANDS.items():
        app.cli.add_command(LazyCommand(name, line, load))


def _audit() -> click.Command:
    from webapp.cli.audit import audit

    return audit


def _db() -> click.Command:
    from webapp.cli.database import group

    return group()


def _doctor() -> click.Command:
    from webapp.cli.doctor import doctor

    return doctor


def _keys() -> click.Command:
    from webapp.cli.keys import keys

    return keys


def _notifications() -> click.Command:
    from webapp.cli.notifications import notifications

    return notifications


def _operators() -> click.Command:
    from webapp.cli.operators import operators

    return operators


def _tokens() -> click.Command:
    from webapp.cli import doctor, tokens, worker

    for each in (worker.run, doctor.check_refreshing):
        tokens.tokens.add_command(each)
    return tokens.tokens


#: Name → its line in `flask --help`, and what imports it.
_COMMANDS = {
    "audit": ("Check the audit log.", _audit),
    "db": ("Create, update or back up the database.", _db),
    "doctor": ("Check settings, database, keys and TikTok.", _doctor),
    "keys": ("Generate keys and manage service keys.", _keys),
    "notifications": ("List, test and retry notifications.", _notifications),
    "operators": ("Manage access to the operators' pages.", _operators),
    "tokens": ("Refresh, inspect and disconnect connections.", _tokens),
}


def unconfigured_app(problems: Iterable[Problem]) -> Flask:
    """Return an app that serves nothing; its commands list the missing or invalid settings."""
    app = Flask("webapp", static_folder=None, template_folder=None)
    app.extensions[PROBLEMS] = tuple(problems)
    register(app)
    app.cli.add_command(_unconfigured_db)
    return app


@click.command(
    "db",
    help=_COMMANDS["db"][0],
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def _unconfigured_db(words: tuple[str, ...]) -> None:
    current_runtime()


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
