"""`flask db`: Flask-Migrate's commands, with failures explained in one line, and backups."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from flask.cli import with_appcontext
from flask_migrate.cli import db as migrate

from webapp.cli.console import current_runtime, fail
from webapp.services.installation import binding
from webapp.services.maintenance import backup, database_checks, database_errors
from webapp.settings import Problem

HELP = "Create, update or back up the database."
#: Flask-Migrate's commands that are listed, and what they do. All others are hidden.
_LISTED = {
    "upgrade": "Update the database to the latest migration.",
    "downgrade": "Undo the latest migration.",
    "current": "Show the migration the database is at.",
    "history": "List all migrations.",
    "check": "Check if the models need a new migration.",
    "migrate": "Write a migration for changed models.",
}


def group() -> click.Group:
    """Return Flask-Migrate's group of commands with our help, errors and further commands."""
    made = click.Group("db", params=migrate.params, callback=migrate.callback, help=HELP)
    for name, command in migrate.commands.items():
        ours = copy(command)
        ours.hidden = name not in _LISTED
        ours.help = _LISTED.get(name, command.help)
        if command.callback is not None:
            ours.callback = _explained(name, command.callback)
        made.add_command(ours, name)
    made.add_command(back_up)
    return made


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@with_appcontext
def back_up(file: Path, force: bool) -> None:
    """Write a backup of the database to a file.

    The app can keep running. Only you can read FILE, and it appears only once it's complete.
    For PostgreSQL, prints the pg_dump command to run instead, without the password; exits with 1.
    """
    current_runtime()
    try:
        with _ended_by_sigterm():
            line = backup.pg_dump_line(file, replace=force)
            made = backup.back_up(file, replace=force) if line is None else None
    except backup.CannotBackUp as refusal:
        fail(f"no backup was made: {refusal}")
    if made is None:
        click.echo(line)
        fail("no backup was made: PostgreSQL has its own backup program. Run the command above")
    size = backup.in_megabytes(made.size)
    rows = "1 row" if made.rows == 1 else f"{made.rows:,} rows"
    click.echo(f"{rows} ({size}) backed up to {file}")
    click.echo("Its tokens can't be read without TOKEN_KEYS; store those elsewhere.", err=True)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Make SIGTERM end a command the way Ctrl-C does, so incomplete files are removed."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _explained(name: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command: if the database can't be used, it says why and exits with 1."""

    @wraps(callback)
    @with_appcontext
    def run(*args: Any, **options: Any) -> None:
        try:
            with database_errors.explained():
                if name == "upgrade":
                    _fail_if_newer()
                callback(*args, **options)
                if name == "upgrade":
                    _bind()
        except database_errors.DatabaseUnusable as error:
            _fail_with(error.problem)

    return run


def _fail_if_newer() -> None:
    fault = database_checks.database_fault()
    if fault is not None and fault.fix == database_checks.NEWER:
        _fail_with(fault)


def _bind() -> None:
    """Tie the database to this installation, so that a copy is noticed from now on."""
    runtime = current_runtime()
    if database_checks.database_fault() is None:
        mismatch = binding.mismatch(runtime)
        if mismatch is None:
            binding.record_file(runtime)
        else:
            click.echo(_in_one_line("warn", mismatch), err=True)


def _fail_with(problem: Problem) -> NoReturn:
    fail(_in_one_line("FAIL", problem))


def _in_one_line(word: str, problem: Problem) -> str:
    return f"{word} {problem.name} – {problem.cause} – {problem.fix}"
