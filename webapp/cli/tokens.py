"""`flask tokens`: looks after the connections, one or all; prints no token, decides nothing."""

from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup

from webapp.cli.asking import migrated_house, not_done, show_json, unfit
from webapp.services.connect.disconnect import CONNECTED_AGAIN, disconnect_person
from webapp.services.house import House
from webapp.services.installation import binding
from webapp.services.maintenance import troubles
from webapp.services.operators import connection
from webapp.services.people import PersonGone
from webapp.services.refresh import on_demand
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
    at = migrated_house()
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
    at = migrated_house()
    found = connection.facts_of(at, open_id, at.clock())
    if found is None:
        not_done(_nobody(open_id))
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
    at = _own_house()
    try:
        access = on_demand.fresh_access(at, open_id, pressed=True)
    except on_demand.NotConnected:
        not_done(_nobody(open_id))
    except on_demand.ReconnectRequired as end:
        not_done(f"{open_id} must connect again: {end.reason}{_since(end.since)}")
    except on_demand.Pending as wait:
        held = troubles.open_brakes(at)
        cause = held[0] if held else wait.cause
        seconds = int(wait.retry_after.total_seconds())
        not_done(f"{open_id} was not refreshed: {cause}; try again in {seconds} s")
    except CannotOpen as error:
        not_done(f"what is stored of {open_id} cannot be opened: {error}")
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
    at = _own_house()
    user = connection.find(at, open_id)
    if user is None:
        not_done(_nobody(open_id))
    was_connected = user.access_token is not None
    try:
        outcome = disconnect_person(at, user.ref)
    except PersonGone:
        not_done(_nobody(open_id))
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
        not_done(f"{open_id} has connected again in the meantime and is still connected")
    if not outcome.forgotten:
        not_done(
            f"TikTok did not answer ({outcome.code}). {open_id} is not used any more, and the"
            " worker tells TikTok again for 24 hours, then forgets"
        )


def _own_house() -> House:
    """Return the house if its database belongs to it: a copy must not end the original's grants."""
    at = migrated_house()
    mismatch = binding.mismatch(at)
    if mismatch is not None:
        unfit("This database is not for acting on.", mismatch)
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
