"""Finds, adds and updates the row of a person who connects, by statements that are built once."""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.orm import Session

from webapp.database import run, table_of
from webapp.models import PersonRef, User, connection_state
from webapp.services import people
from webapp.services.refresh import breaker
from webapp.services.refresh.schedule import next_refresh_at
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

#: Without letters and digits that people mix up (I, L, O, U, 0, 1).
TICKET_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

_table = table_of(User)
_users = _table.c
_FIND = (
    select(_users.id, _users.ticket, _users.version, _users.scope)
    .add_columns(_users.status, _users.claim, _users.next_at, _users.ended_at)
    .add_columns(_users.exchange_sent_at, _users.access_token.is_not(None).label("has_token"))
    .add_columns(_users.display_name, _users.username, _users.union_id)
    .where(_users.client_key == bindparam("the_app"), _users.open_id == bindparam("the_open_id"))
    .with_for_update()
)
_INSERT = (
    insert(_table)
    .values(version=breaker.last_deleted_version(bindparam("the_app")) + 1)
    .returning(_users.id, _users.version)
)
_UPDATE = (
    update(_table)
    .where(_users.id == bindparam("the_id"), _users.ticket == bindparam("the_ticket"))
    .values(version=_users.version + 1)
)


class Stored(NamedTuple):
    """The row as it is after a connect."""

    person: PersonRef
    version: int
    scope: str


def find_locked(session: Session, runtime: Runtime, open_id: str) -> Row[Any] | None:
    """Return what a connect must know of this person's row, locked until the transaction ends.

    `has_token` is True if there is an access token, which isn't read. None if there is no row.
    """
    # PostgreSQL rejects NUL in text, and TikTok's open_ids contain none.
    known = open_id if "\0" not in open_id else ""
    values = {"the_app": runtime.client_key, "the_open_id": known}
    return run(session, _FIND, values).first()


def granted(runtime: Runtime, tokens: TokenSet, asked: Collection[str]) -> dict[str, Any]:
    """Return the columns that a new grant writes, sealed, except for those of `dated`."""
    sealed = runtime.vault.columns(str(tokens.open_id), tokens, tokens.access_expires_at)
    # An answer without the grant's expiry must not inherit that of the previous grant.
    values = connection_state.works_again() | {"refresh_expires_at": None}
    return values | {"asked_scope": ",".join(sorted(asked))} | sealed


def dated(tokens: TokenSet, now: datetime) -> dict[str, Any]:
    """Return the columns of a new grant that depend on when it is stored."""
    return {
        "connected_at": now,
        "refreshed_at": now,
        "exchange_sent_at": tokens.sent_at or now,
        "next_at": next_refresh_at(now, tokens.access_expires_at),
    }


def add(
    session: Session, runtime: Runtime, open_id: str, values: Mapping[str, Any], now: datetime
) -> Stored:
    """Add the row of a newcomer. Raises IntegrityError if somebody else has just added it."""
    ticket = "".join(secrets.choice(TICKET_LETTERS) for _ in range(8))
    ticket = f"ct_{ticket[:4]}-{ticket[4:]}"
    own = {"client_key": runtime.client_key, "open_id": open_id, "ticket": ticket}
    row = {**values, **own, "created_at": now, "the_app": runtime.client_key}
    added = run(session, _INSERT, row).one()
    person = PersonRef(added.id, ticket)
    people.add_words(session, person)
    return Stored(person, added.version, values["scope"])


def renew(session: Session, row: Row[Any], values: Mapping[str, Any]) -> Stored:
    """Write a new grant into a row that `find_locked` has locked."""
    known = {"the_id": row.id, "the_ticket": row.ticket}
    run(session, _UPDATE, {**values, **known})
    scope = values.get("scope", row.scope)
    return Stored(PersonRef(row.id, row.ticket), row.version + 1, scope)


def unchanged(row: Row[Any]) -> Stored:
    """Return the row that keeps its own grant."""
    return Stored(PersonRef(row.id, row.ticket), row.version, row.scope)
