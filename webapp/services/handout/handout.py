"""Hands an access token to a service that shows its key; never a refresh token, and seldom slow.

The key and the row come with one statement, so that a token that is good as it is costs one look
at the database. Whatever is in the way of a look is our trouble, never a bad key.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

import structlog
from sqlalchemy import and_, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import writing
from webapp.models import PersonRef, ServiceKey, ServiceUse, User
from webapp.services.authority import NoLongerAllowed
from webapp.services.handout import uses
from webapp.services.handout.glance import Away, Glance
from webapp.services.handout.service_keys import is_key, public_id
from webapp.services.house import House
from webapp.services.refresh import on_demand
from webapp.services.refresh.on_demand import (
    RECORD_USE_EVERY,
    Access,
    ConnectionRow,
    NotConnected,
    Pending,
    ReconnectRequired,
    raise_if_ended,
    stored_access,
)
from webapp.services.vault import CannotOpen

log = structlog.get_logger(__name__)

#: When to ask again while it is the database or the keys of this installation that are in the way.
OUR_TROUBLE = timedelta(seconds=30)

_keys = ServiceKey.__table__
_users = User.__table__
_uses = ServiceUse.__table__
_both = Glance(
    select(
        _keys.c.id.label("key_id"),
        _keys.c.name.label("key_name"),
        _keys.c.digest,
        _keys.c.last_used_at.label("key_used_at"),
        _keys.c.revoked_at,
        _uses.c.last_at.label("handed_at"),
        *(
            _users.c[name]
            for name in (
                *("id", "open_id", "status", "reason", "ended_at", "access_token", "scope"),
                *("access_expires_at", "refresh_expires_at", "refreshed_at", "version"),
                *("last_error", "ticket"),
            )
        ),
    )
    .select_from(_keys)
    .outerjoin(
        _users,
        and_(
            _users.c.client_key == bindparam("client_key"),
            _users.c.open_id == bindparam("open_id"),
        ),
    )
    .outerjoin(_uses, and_(_uses.c.user_id == _users.c.id, _uses.c.key_id == _keys.c.id))
    .where(_keys.c.id == bindparam("key_id"))
)


class BadKey(Exception):
    """No key, an unknown or a revoked one; which of them is nobody's business."""


class ScopeMissing(Exception):
    """The person did not grant all of the scopes that were asked for."""

    def __init__(self, missing: list[str]) -> None:
        """Take the scopes that are missing, sorted."""
        super().__init__(", ".join(missing))
        self.missing = missing


class Found(ConnectionRow, uses.Handed, Protocol):
    """A person's row as it is handed out, and what is known of this service and them."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A service whose key was accepted, and the row it asks for as it was at that moment."""

    #: The public part of the key.
    key_id: str
    key_name: str
    open_id: str
    #: None: nobody with this open_id has connected.
    row: Found | None


def arrive(house: House, key: str, open_id: str) -> Arrival:
    """Accept a service's key, and bring the row along. Raises BadKey, Pending."""
    public = public_id(key)
    if public is None:
        raise BadKey
    # PostgreSQL has no NUL in texts, and TikTok none in open_ids.
    asked = "" if "\0" in open_id else open_id
    client_key = house.settings.tiktok_client_key
    try:
        found = _both.first({"key_id": public, "client_key": client_key, "open_id": asked})
    except Away as error:
        raise _away(str(error)) from None
    if found is None or not is_key(key, found.digest) or found.revoked_at is not None:
        raise BadKey
    now = house.clock()
    used_lately = found.key_used_at is not None and now - found.key_used_at < RECORD_USE_EVERY
    if not used_lately and not _note_key(public, now):
        raise BadKey
    row = cast(Found, found) if found.id is not None else None
    return Arrival(public, found.key_name, open_id, row)


def hand_out(
    house: House,
    arrival: Arrival,
    *,
    min_ttl: timedelta,
    scopes: Collection[str] = (),
    rejected_version: int | None = None,
) -> Access:
    """Return a working access token with at least `min_ttl` left, and all of `scopes`.

    `rejected_version`: TikTok answered 401 to that version (see `refresh.fresh`).
    Whatever took time, a refresh or a lock, may have outlasted the key or the connection: both are
    looked at again before the token leaves. Raises NotConnected, ReconnectRequired, ScopeMissing,
    Pending, NoLongerAllowed.
    """
    row = arrival.row
    if row is None:
        raise NotConnected
    if rejected_version is not None and rejected_version > row.version:
        # Not of this row's life: handing out what there is tells more than spending a refresh.
        rejected_version = None
    try:
        access = stored_access(house, row, min_ttl, rejected_version, house.clock())
        if access is None:
            access = _refreshed(house, arrival, row, min_ttl, rejected_version)
    except SQLAlchemyError as error:
        raise _away(type(error).__name__) from None
    except CannotOpen as error:
        log.error("row_cannot_be_opened", open_id=arrival.open_id, reason=str(error))
        raise Pending(OUR_TROUBLE, "cannot_open") from None
    missing = sorted(set(scopes) - access.scopes)
    if missing:
        raise ScopeMissing(missing)
    if _note_use(row, house.clock()):
        _check_again(house, arrival, row)
    return access


def _refreshed(
    house: House, arrival: Arrival, row: Found, min_ttl: timedelta, rejected: int | None
) -> Access:
    """Refresh; whatever comes of it is told only to a key that is still good by then."""
    person = PersonRef(row.id, row.ticket)
    try:
        access = on_demand.fresh_access(
            house, arrival.open_id, person=person, min_ttl=min_ttl, rejected_version=rejected
        )
    except (NotConnected, ReconnectRequired, Pending, CannotOpen):
        _look_again(house, arrival)
        raise
    _check_again(house, arrival, row)
    return access


def _check_again(house: House, arrival: Arrival, row: Found) -> None:
    """Look at key and connection once more. Raises what `hand_out` raises."""
    found = _look_again(house, arrival)
    if found.ticket != row.ticket:
        raise NotConnected
    raise_if_ended(found, house.clock())


def _look_again(house: House, arrival: Arrival) -> Any:
    """Return key and row as they are now. Raises NoLongerAllowed if the key was revoked."""
    client_key = house.settings.tiktok_client_key
    values = {"key_id": arrival.key_id, "client_key": client_key, "open_id": arrival.open_id}
    try:
        found = _both.first(values)
    except Away as error:
        raise _away(str(error)) from None
    if found is None or found.revoked_at is not None:
        raise NoLongerAllowed("service")
    return found


def _away(error: str) -> Pending:
    log.error("database_away", error=error)
    return Pending(OUR_TROUBLE, "database")


def _note_key(key_id: str, now: datetime) -> bool:
    """Write down that a key is used; False: it was revoked while we waited for the lock."""
    try:
        with writing() as session:
            noted = session.scalar(
                update(ServiceKey)
                .where(ServiceKey.id == key_id, ServiceKey.revoked_at.is_(None))
                .values(last_used_at=now)
                .returning(ServiceKey.id)
                .execution_options(synchronize_session=False)
            )
    except SQLAlchemyError as error:
        _not_noted(error)
        return True
    return noted is not None


def _note_use(row: Found, now: datetime) -> bool:
    """Write down who was handed what, at most hourly; return whether that may have taken time.

    Raises NoLongerAllowed.
    """
    try:
        return uses.note(row, now)
    except SQLAlchemyError as error:
        _not_noted(error)
        return True


def _not_noted(error: SQLAlchemyError) -> None:
    """Go on: a token that is good is not held back because its use could not be written down."""
    log.warning("use_not_noted", error=type(error).__name__)
