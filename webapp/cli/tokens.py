"""`flask tokens`: commands for one connection or all of them. None of them prints a token."""

from dataclasses import asdict
from typing import Any

import click
from flask.cli import AppGroup

from webapp.cli.console import (
    DASHES_ALLOWED,
    fail,
    fail_with,
    json_option,
    migrated_runtime,
    open_id_argument,
    print_json,
    progress,
)
from webapp.services import people
from webapp.services.connect.disconnect import CONNECTED_AGAIN, Outcome, disconnect_person
from webapp.services.installation import binding
from webapp.services.maintenance import copy_database, database_checks, doctor
from webapp.services.maintenance.reseal import remaining, reseal_all
from webapp.services.operators import connection
from webapp.services.people import PersonGone
from webapp.services.refresh import breaker, on_demand, rescue_file
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

tokens = AppGroup("tokens", help="Refresh, inspect and disconnect connections.")


@tokens.command("list")
@click.option("--status", type=click.Choice(connection.HEALTHS), help="Filter by status.")
@json_option
def show_all(status: str | None, as_json: bool) -> None:
    """List the connections."""
    runtime = migrated_runtime()
    found = connection.list_all(runtime, runtime.clock(), status)
    if as_json:
        print_json(list(found))
        return
    number = 0
    for row in found:
        number += 1
        until = (row["access_expires_at"] or "-")[:16]
        words = [row["open_id"], f"{row['health']:10}", f"{until:16}", row["last_error"]]
        click.echo("  ".join(word for word in (*words, _text(row["display_name"])) if word))
    if not number:
        click.echo("There are no connections.", err=True)


@tokens.command(context_settings=DASHES_ALLOWED)
@open_id_argument
@json_option
def show(open_id: str, as_json: bool) -> None:
    """Show everything about one connection.

    Shows fingerprints of the tokens, never the tokens.
    """
    runtime = migrated_runtime()
    found = connection.facts_of(runtime, open_id, runtime.clock())
    if found is None:
        fail(_not_connected(open_id))
    if as_json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        click.echo(f"{name:{width}}  {_text(value)}")


@tokens.command(context_settings=DASHES_ALLOWED)
@open_id_argument
@json_option
def refresh(open_id: str, as_json: bool) -> None:
    """Refresh one connection now.

    Refreshes even if its access token is still fresh.
    """
    runtime = _bound_runtime()
    try:
        access = on_demand.fresh_access(runtime, open_id, pressed=True)
    except on_demand.NotConnected:
        fail(_not_connected(open_id))
    except on_demand.ReconnectRequired as end:
        since = f", since {end.since:%Y-%m-%d %H:%M} UTC" if end.since else ""
        fail(f"{open_id} must reconnect: {end.reason}{since}")
    except on_demand.Pending as wait:
        paused = breaker.open_problem(runtime)
        cause = paused.cause if paused else wait.cause
        seconds = int(wait.retry_after.total_seconds())
        fail(f"{open_id} was not refreshed: {cause}; try again in {seconds} s")
    except CannotOpen as error:
        fail(f"the stored tokens of {open_id} cannot be decrypted: {error}")
    if as_json:
        expires = access.expires_at.isoformat()
        print_json({"open_id": open_id, "version": access.version, "access_expires_at": expires})
    else:
        click.echo(f"{open_id} is fresh until {access.expires_at:%Y-%m-%d %H:%M} UTC")


@tokens.command(context_settings=DASHES_ALLOWED)
@open_id_argument
@json_option
def disconnect(open_id: str, as_json: bool) -> None:
    """Disconnect one connection.

    Revokes access at TikTok, then deletes our copy of the tokens. Exits with 1 if TikTok doesn't
    respond; the worker then keeps trying for 24 hours.
    """
    runtime = _bound_runtime()
    user = people.find_by_open_id(runtime, open_id)
    if user is None:
        fail(_not_connected(open_id))
    was_connected = user.access_token is not None
    try:
        outcome = disconnect_person(runtime, user.ref)
    except PersonGone:
        fail(_not_connected(open_id))
    if as_json:
        print_json(
            {
                "open_id": open_id,
                "confirmed": outcome.confirmed,
                "forgotten": outcome.forgotten,
                "code": outcome.code or None,
            }
        )
    elif not was_connected:
        click.echo(f"{open_id} was not connected; no tokens are stored")
    elif outcome.forgotten:
        answer = "confirmed it" if outcome.confirmed else f"did not confirm it: {outcome.code}"
        click.echo(f"{open_id} is disconnected and its tokens are deleted; TikTok {answer}")
    _fail_unless_disconnected(open_id, outcome)


def _fail_unless_disconnected(open_id: str, outcome: Outcome) -> None:
    if outcome.code == CONNECTED_AGAIN:
        fail(f"{open_id} has connected again in the meantime and is still connected")
    if not outcome.forgotten:
        fail(
            f"TikTok didn't respond ({outcome.code}). {open_id} is no longer used; the worker"
            " keeps trying to revoke its access for 24 hours, then deletes the tokens"
        )


@tokens.command()
@json_option
def reseal(as_json: bool) -> None:
    """Re-encrypt all tokens with the current key.

    The current key is the first of TOKEN_KEYS. Safe to interrupt and run again.
    """
    runtime = migrated_runtime()
    rescue_file.replay(runtime)
    outcome = None
    with progress("Re-encrypted", remaining(runtime)) as report:
        for outcome in reseal_all(runtime):
            report(outcome.done)
    done, closed = (outcome.done, outcome.closed) if outcome else (0, 0)
    left = remaining(runtime)
    if as_json:
        print_json({"resealed": done, "closed": closed, "left": left})
    else:
        click.echo(f"{done} rows re-encrypted")
    if closed:
        fail(
            f"{closed} rows were left unchanged: no key in TOKEN_KEYS decrypts them. Restore the"
            " key that encrypted them, after the new one, and run this again"
        )
    if left:
        fail(
            f"{left} rows were encrypted with a previous key in the meantime: restart gunicorn and"
            " the worker with the current TOKEN_KEYS, then run this again"
        )


@tokens.command()
@json_option
def rescue(as_json: bool) -> None:
    """Store TikTok responses from the rescue file.

    They couldn't be saved earlier. The worker also does this automatically.
    """
    replayed = rescue_file.replay(migrated_runtime())
    if as_json:
        print_json(asdict(replayed))
    else:
        click.echo(f"{replayed.stored} stored, {replayed.outdated} no longer needed")
        for ticket in replayed.dropped:
            click.echo(f"no longer needed: {ticket} has newer tokens, or has disconnected")
    if replayed.unreadable:
        fail(f"{replayed.unreadable} lines could not be read, probably because of a full disk")


@tokens.command()
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def adopt(yes: bool) -> None:
    """Tie a moved database to this installation.

    Use this only after a deliberate move: if two installations refresh from copies of one database,
    people lose their connections.
    """
    runtime = migrated_runtime()
    fault = database_checks.keys_fault(runtime)
    if fault is not None:
        fail_with("The database can't be adopted with these keys.", fault)
    mismatch = binding.mismatch(runtime)
    if mismatch is None:
        click.echo("The database already belongs to this installation.")
        return
    if not yes:
        click.echo(f"{mismatch.name} – {mismatch.cause}", err=True)
        click.confirm(
            "No other installation may refresh from a copy of it. Continue?", abort=True, err=True
        )
    try:
        binding.adopt(runtime)
    except OSError as error:
        fail(f"cannot write to {runtime.folder} ({error.strerror}): fix that, or set INSTANCE_ID")
    click.echo("The database now belongs to this installation. Start the worker: flask tokens run")


@tokens.command("copy")
@click.argument("database_url")
def copy_all(database_url: str) -> None:
    """Copy everything to another database.

    The target database must be empty and migrated. Stop gunicorn and the worker first. Put a
    password in PGPASSWORD or ~/.pgpass; anything typed here is visible in the process list.
    """
    runtime = migrated_runtime()
    rows = 0
    try:
        with progress("Copied", copy_database.total()) as report:
            for step in copy_database.copy_database(runtime, database_url, doctor.ROOT):
                rows = step.rows
                report(rows)
    except copy_database.CannotCopy as refusal:
        fail(f"nothing was copied: {refusal}")
    click.echo(
        f"{rows} rows copied and counted. Set DATABASE_URL to the new database, then start"
        " gunicorn and the worker. The old one is marked as moved and refreshes"
        " nothing; don't use it again"
    )


def _bound_runtime() -> Runtime:
    """Return the runtime. Exit with 1 unless the database belongs to this installation.

    A copy must not end grants that the original still uses.
    """
    runtime = migrated_runtime()
    mismatch = binding.mismatch(runtime)
    if mismatch is not None:
        fail_with("This command can't use this database.", mismatch)
    return runtime


def _not_connected(open_id: str) -> str:
    return f"nobody with the open_id {open_id} has connected here"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return "".join(c for c in str(value) if c.isprintable())
