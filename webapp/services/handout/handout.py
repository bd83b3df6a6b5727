"""Gives services access tokens: checks the key, finds the connection, records the use.

One prepared, indexed read answers while the token is fresh; otherwise the connection is refreshed.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

import structlog
from sqlalchemy import Dialect, Select, and_, bindparam, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db, is_sqlite, writing
from webapp.models import PersonRef, ServiceKey, ServiceUse, User
from webapp.services.authority import NoLongerAllowed
from webapp.services.handout import uses
from webapp.services.handout.service_keys import is_key, public_id
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
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen


class DatabaseAway(Exception):
    """The database did not answer; the message is the name of the driver's error, no more."""


class PreparedRead:
    """One statement that reads one row."""

    def __init__(self, statement: Select[Any]) -> None:
        """Take the statement; its parameters are texts, bound by name."""
        self._statement = statement
        self._prepared: dict[bool, _Prepared] = {}

    def first(self, values: Mapping[str, str]) -> Any:
        """Return the row as a named tuple; None if there is none. Raises Away."""
        engine = db.engine
        kind = is_sqlite(engine.dialect)
        prepared = self._prepared.get(kind)
        if prepared is None:
            prepared = self._prepared[kind] = _Prepared(self._statement, engine.dialect)
        errors = (SQLAlchemyError, engine.dialect.loaded_dbapi.Error)
        try:
            connection = engine.raw_connection()
        except errors as error:
            raise DatabaseAway(type(error).__name__) from None
        try:
            return prepared.run(connection.driver_connection, values)
        except errors as error:
            connection.invalidate()
            raise DatabaseAway(type(error).__name__) from None
        finally:
            connection.close()


class _Prepared:
    """The statement in one database's words, and how its values become ours."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        columns = statement.selected_columns
        self._text = str(compiled)
        #: Names in order where the driver takes them by position; None: by name.
        self._order = compiled.positiontup if compiled.positional else None
        row = namedtuple("row", columns.keys())  # type: ignore[misc]  # known at run time only
        self._row: Callable[..., Any] = row
        self._processors = [
            (index, processor)
            for index, column in enumerate(columns)
            if (processor := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]
        # SQLite's driver is told by database.py to begin nothing by itself.
        self._begins = not is_sqlite(dialect)

    def run(self, connection: DBAPIConnection | None, values: Mapping[str, str]) -> Any:
        """Return the first row as a named tuple; None if there is none."""
        driver: Any = connection
        if self._begins:
            driver.autocommit = True
        cursor = driver.cursor()
        cursor.execute(
            self._text, [values[name] for name in self._order] if self._order else values
        )
        found = cursor.fetchone()
        cursor.close()
        if self._begins:
            driver.autocommit = False
        if found is None:
            return None
        row = list(found)
        for index, processor in self._processors:
            if row[index] is not None:
                row[index] = processor(row[index])
        return self._row(*row)


log = structlog.get_logger(__name__)

#: When to ask again while it is the database or the keys of this installation that are in the way.
RETRY_AFTER = timedelta(seconds=30)

_keys = ServiceKey.__table__
_users = User.__table__
_uses = ServiceUse.__table__
_key_and_connection = PreparedRead(
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


class FoundConnection(ConnectionRow, uses.HandedOut, Protocol):
    """A person's row as it is handed out, and what is known of this service and them."""


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """A service whose key was accepted, and the row it asks for as it was at that moment."""

    #: The public part of the key.
    key_id: str
    key_name: str
    open_id: str
    #: None: nobody with this open_id has connected.
    row: FoundConnection | None


def check_call(runtime: Runtime, key: str, open_id: str) -> CheckedCall:
    """Accept a service's key, and bring the row along. Raises BadKey, Pending."""
    public = public_id(key)
    if public is None:
        raise BadKey
    # PostgreSQL has no NUL in texts, and TikTok none in open_ids.
    asked = "" if "\0" in open_id else open_id
    client_key = runtime.settings.tiktok_client_key
    try:
        found = _key_and_connection.first(
            {"key_id": public, "client_key": client_key, "open_id": asked}
        )
    except DatabaseAway as error:
        raise _database_pending(str(error)) from None
    if found is None or not is_key(key, found.digest) or found.revoked_at is not None:
        raise BadKey
    now = runtime.clock()
    used_lately = found.key_used_at is not None and now - found.key_used_at < RECORD_USE_EVERY
    if not used_lately and not _record_key_use(public, now):
        raise BadKey
    row = cast(FoundConnection, found) if found.id is not None else None
    return CheckedCall(public, found.key_name, open_id, row)


def hand_out(
    runtime: Runtime,
    arrival: CheckedCall,
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
        access = stored_access(runtime, row, min_ttl, rejected_version, runtime.clock())
        if access is None:
            access = _refreshed(runtime, arrival, row, min_ttl, rejected_version)
    except SQLAlchemyError as error:
        raise _database_pending(type(error).__name__) from None
    except CannotOpen as error:
        log.error("row_cannot_be_opened", open_id=arrival.open_id, reason=str(error))
        raise Pending(RETRY_AFTER, "cannot_open") from None
    missing = sorted(set(scopes) - access.scopes)
    if missing:
        raise ScopeMissing(missing)
    if _record_use(row, runtime.clock()):
        _check_again(runtime, arrival, row)
    return access


def _refreshed(
    runtime: Runtime,
    arrival: CheckedCall,
    row: FoundConnection,
    min_ttl: timedelta,
    rejected: int | None,
) -> Access:
    """Refresh; whatever comes of it is told only to a key that is still good by then."""
    person = PersonRef(row.id, row.ticket)
    try:
        access = on_demand.fresh_access(
            runtime, arrival.open_id, person=person, min_ttl=min_ttl, rejected_version=rejected
        )
    except (NotConnected, ReconnectRequired, Pending, CannotOpen):
        _read_again(runtime, arrival)
        raise
    _check_again(runtime, arrival, row)
    return access


def _check_again(runtime: Runtime, arrival: CheckedCall, row: FoundConnection) -> None:
    """Look at key and connection once more. Raises what `hand_out` raises."""
    found = _read_again(runtime, arrival)
    if found.ticket != row.ticket:
        raise NotConnected
    raise_if_ended(found, runtime.clock())


def _read_again(runtime: Runtime, arrival: CheckedCall) -> Any:
    """Return key and row as they are now. Raises NoLongerAllowed if the key was revoked."""
    client_key = runtime.settings.tiktok_client_key
    values = {"key_id": arrival.key_id, "client_key": client_key, "open_id": arrival.open_id}
    try:
        found = _key_and_connection.first(values)
    except DatabaseAway as error:
        raise _database_pending(str(error)) from None
    if found is None or found.revoked_at is not None:
        raise NoLongerAllowed("service")
    return found


def _database_pending(error: str) -> Pending:
    log.error("database_away", error=error)
    return Pending(RETRY_AFTER, "database")


def _record_key_use(key_id: str, now: datetime) -> bool:
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
        _log_not_recorded(error)
        return True
    return noted is not None


def _record_use(row: FoundConnection, now: datetime) -> bool:
    """Write down who was handed what, at most hourly; return whether that may have taken time.

    Raises NoLongerAllowed.
    """
    try:
        return uses.record_use(row, now)
    except SQLAlchemyError as error:
        _log_not_recorded(error)
        return True


def _log_not_recorded(error: SQLAlchemyError) -> None:
    """Go on: a token that is good is not held back because its use could not be written down."""
    log.warning("use_not_noted", error=type(error).__name__)
