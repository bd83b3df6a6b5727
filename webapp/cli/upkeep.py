"""`flask tokens reseal|rescue|adopt|copy`: rare work on all rows; decides nothing itself."""

from dataclasses import asdict

import click
from flask.cli import with_appcontext

from webapp.cli.asking import migrated_house, not_done, show_json, unfit
from webapp.cli.progress import Progress
from webapp.services.installation import binding
from webapp.services.maintenance import copy_database, database_checks, doctor
from webapp.services.maintenance import reseal as sealing
from webapp.services.refresh import rescue_file

_json = click.option("--json", "as_json", is_flag=True, help="For scripts.")


@click.command()
@_json
@with_appcontext
def reseal(as_json: bool) -> None:
    """Seal every stored token under the first of TOKEN_KEYS; can be ended and begun again."""
    at = migrated_house()
    rescue_file.replay(at)
    outcome = None
    with Progress("Sealed anew", sealing.remaining(at)) as shown:
        for outcome in sealing.reseal(at):
            shown.at(outcome.done)
    done, closed = (outcome.done, outcome.closed) if outcome else (0, 0)
    left = sealing.remaining(at)
    if as_json:
        show_json({"resealed": done, "closed": closed, "left": left})
    else:
        click.echo(f"{done} rows sealed anew")
    if closed:
        not_done(
            f"{closed} rows were left as they are: no key in TOKEN_KEYS opens them. Put the key"
            " that sealed them back, after the new one, and run it again"
        )
    if left:
        not_done(
            f"{left} rows were sealed under a former key meanwhile: start gunicorn and the worker"
            " anew with the present TOKEN_KEYS, then run it again"
        )


@click.command()
@_json
@with_appcontext
def rescue(as_json: bool) -> None:
    """Store answers of TikTok that the database did not take when they came."""
    replayed = rescue_file.replay(migrated_house())
    if as_json:
        show_json(asdict(replayed))
    else:
        click.echo(f"{replayed.stored} stored, {replayed.outdated} no longer needed")
    if replayed.unreadable:
        not_done(f"{replayed.unreadable} lines could not be read, most likely of a full disk")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def adopt(yes: bool) -> None:
    """Bind the database to this installation, after it was moved here on purpose."""
    at = migrated_house()
    closed = database_checks.keys_fault(at)
    if closed is not None:
        unfit("It cannot be adopted under these keys.", closed)
    found = binding.mismatch(at)
    if found is None:
        click.echo("The database belongs to this installation already.")
        return
    if not yes:
        click.echo(f"{found.name} – {found.cause}", err=True)
        click.confirm(
            "No other installation may refresh from a copy of it. Go on?", abort=True, err=True
        )
    try:
        binding.adopt(at)
    except OSError as error:
        not_done(f"{at.folder} takes no file ({error.strerror}): mend that, or set INSTANCE_ID")
    click.echo("The database belongs to this installation now. Start the worker: flask tokens run")


@click.command("copy")
@click.argument("database_url")
@with_appcontext
def copy_all(database_url: str) -> None:
    """Copy everything into the empty, migrated database at DATABASE_URL.

    Stop gunicorn and the worker before. Leave a password out of the address and put it into
    PGPASSWORD or ~/.pgpass: what is typed here stands in the list of processes.
    """
    at = migrated_house()
    rows = 0
    try:
        with Progress("Copied", copy_database.total()) as shown:
            for step in copy_database.copy_database(at, database_url, doctor.ROOT):
                rows = step.rows
                shown.at(rows)
    except copy_database.CannotCopy as refused:
        not_done(f"nothing was copied: {refused}")
    click.echo(
        f"{rows} rows copied and counted. Set DATABASE_URL to the new database, then start"
        " gunicorn and the worker. Never start the old one again: it is marked as moved and"
        " refreshes nothing"
    )
