"""`flask tokens`: looks after the connections, one or all; prints no token, decides nothing.

`flask tokens reseal|rescue|adopt|copy`: rare work on all rows; decides nothing itself.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext

from webapp.cli.console import Progress, fail, fail_with, migrated_runtime, show_json
from webapp.services.connect.disconnect import CONNECTED_AGAIN, disconnect_person
from webapp.services.installation import binding
from webapp.services.maintenance import copy_database, database_checks, doctor
from webapp.services.maintenance import reseal as sealing
from webapp.services.operators import connection
from webapp.services.people import PersonGone
from webapp.services.refresh import breaker, on_demand, rescue_file
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

tokens = AppGroup("tokens", help="Connections and their tokens: keep, look, end, seal anew.")

#: TikTok's open_ids begin with a dash, so a word that is no option of ours is taken as it is.
_dashes_allowed = {"ignore_unknown_options": True}
_open_id = click.argument("open_id", type=click.UNPROCESSED)
_json = click.option("--json", "as_json", is_flag=True, help="For scripts.")


@tokens.command("list")
@click.option("--status", type=click.Choice(connection.HEALTHS), help="Only those that stand so.")
@_json
def show_all(status: str | None, as_json: bool) -> None:
    """List the connections."""
    at = migrated_runtime()
    found = connection.list_all(at, at.clock(), status)
    if as_json:
        show_json(list(found))
        return
    number = 0
    for row in found:
        number += 1
        until = (row["access_expires_at"] or "-")[:16]
        words = [row["open_id"], f"{row['health']:10}", f"{until:16}", row["last_error"]]
        click.echo("  ".join(word for word in (*words, _word(row["display_name"])) if word))
    if not number:
        click.echo("There is none.", err=True)


@tokens.command(context_settings=_dashes_allowed)
@_open_id
@_json
def show(open_id: str, as_json: bool) -> None:
    """Show all that is known of the connection of this OPEN_ID, but no token."""
    at = migrated_runtime()
    found = connection.facts_of(at, open_id, at.clock())
    if found is None:
        fail(_nobody(open_id))
    if as_json:
        show_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        click.echo(f"{name:{width}}  {_word(value)}")


@tokens.command(context_settings=_dashes_allowed)
@_open_id
@_json
def refresh(open_id: str, as_json: bool) -> None:
    """Refresh the access token of this OPEN_ID now, whatever life it has left."""
    at = _own_runtime()
    try:
        access = on_demand.fresh_access(at, open_id, pressed=True)
    except on_demand.NotConnected:
        fail(_nobody(open_id))
    except on_demand.ReconnectRequired as end:
        fail(f"{open_id} must connect again: {end.reason}{_since(end.since)}")
    except on_demand.Pending as wait:
        held = breaker.open_problem(at)
        cause = held.cause if held else wait.cause
        seconds = int(wait.retry_after.total_seconds())
        fail(f"{open_id} was not refreshed: {cause}; try again in {seconds} s")
    except CannotOpen as error:
        fail(f"what is stored of {open_id} cannot be opened: {error}")
    if as_json:
        expires = access.expires_at.isoformat()
        show_json({"open_id": open_id, "version": access.version, "access_expires_at": expires})
    else:
        click.echo(f"{open_id} is fresh until {access.expires_at:%Y-%m-%d %H:%M} UTC")


@tokens.command(context_settings=_dashes_allowed)
@_open_id
@_json
def disconnect(open_id: str, as_json: bool) -> None:
    """End the connection of this OPEN_ID: TikTok is told, then our copy is wiped."""
    at = _own_runtime()
    user = connection.find(at, open_id)
    if user is None:
        fail(_nobody(open_id))
    was_connected = user.access_token is not None
    try:
        outcome = disconnect_person(at, user.ref)
    except PersonGone:
        fail(_nobody(open_id))
    if as_json:
        show_json(
            {
                "open_id": open_id,
                "confirmed": outcome.confirmed,
                "forgotten": outcome.forgotten,
                "code": outcome.code or None,
            }
        )
    elif not was_connected:
        click.echo(f"{open_id} was not connected; nothing is stored that could be used")
    elif outcome.forgotten:
        told = "TikTok confirmed" if outcome.confirmed else f"TikTok did not: {outcome.code}"
        click.echo(f"{open_id} is disconnected and forgotten here; {told}")
    if outcome.code == CONNECTED_AGAIN:
        fail(f"{open_id} has connected again in the meantime and is still connected")
    if not outcome.forgotten:
        fail(
            f"TikTok did not answer ({outcome.code}). {open_id} is not used any more, and the"
            " worker tells TikTok again for 24 hours, then forgets"
        )


def _own_runtime() -> Runtime:
    """Return the runtime if the database belongs here: a copy must not end live grants."""
    at = migrated_runtime()
    mismatch = binding.mismatch(at)
    if mismatch is not None:
        fail_with("This database is not for acting on.", mismatch)
    return at


def _nobody(open_id: str) -> str:
    return f"nobody with the open_id {open_id} has connected here"


def _since(moment: datetime | None) -> str:
    return f", since {moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return "".join(c for c in str(value) if c.isprintable())


_json_too = click.option("--json", "as_json", is_flag=True, help="For scripts.")


@click.command()
@_json_too
@with_appcontext
def reseal(as_json: bool) -> None:
    """Seal every stored token under the first of TOKEN_KEYS; can be ended and begun again."""
    at = migrated_runtime()
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
        fail(
            f"{closed} rows were left as they are: no key in TOKEN_KEYS opens them. Put the key"
            " that sealed them back, after the new one, and run it again"
        )
    if left:
        fail(
            f"{left} rows were sealed under a former key meanwhile: start gunicorn and the worker"
            " anew with the present TOKEN_KEYS, then run it again"
        )


@click.command()
@_json_too
@with_appcontext
def rescue(as_json: bool) -> None:
    """Store answers of TikTok that the database did not take when they came."""
    replayed = rescue_file.replay(migrated_runtime())
    if as_json:
        show_json(asdict(replayed))
    else:
        click.echo(f"{replayed.stored} stored, {replayed.outdated} no longer needed")
    if replayed.unreadable:
        fail(f"{replayed.unreadable} lines could not be read, most likely of a full disk")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def adopt(yes: bool) -> None:
    """Bind the database to this installation, after it was moved here on purpose."""
    at = migrated_runtime()
    closed = database_checks.keys_fault(at)
    if closed is not None:
        fail_with("It cannot be adopted under these keys.", closed)
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
        fail(f"{at.folder} takes no file ({error.strerror}): fix that, or set INSTANCE_ID")
    click.echo("The database belongs to this installation now. Start the worker: flask tokens run")


@click.command("copy")
@click.argument("database_url")
@with_appcontext
def copy_all(database_url: str) -> None:
    """Copy everything into the empty, migrated database at DATABASE_URL.

    Stop gunicorn and the worker before. Leave a password out of the address and put it into
    PGPASSWORD or ~/.pgpass: what is typed here stands in the list of processes.
    """
    at = migrated_runtime()
    rows = 0
    try:
        with Progress("Copied", copy_database.total()) as shown:
            for step in copy_database.copy_database(at, database_url, doctor.ROOT):
                rows = step.rows
                shown.at(rows)
    except copy_database.CannotCopy as refused:
        fail(f"nothing was copied: {refused}")
    click.echo(
        f"{rows} rows copied and counted. Set DATABASE_URL to the new database, then start"
        " gunicorn and the worker. Never start the old one again: it is marked as moved and"
        " refreshes nothing"
    )
