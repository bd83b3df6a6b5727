"""Hands access tokens to services: checks the key, finds the connection, records the use.

While the token is fresh, one prepared query is all it takes. Otherwise the connection is refreshed.
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

log = structlog.get_logger(__name__)

#: Retry-After while the database or the keys of this installation are the problem.
RETRY_AFTER = timedelta(seconds=30)


class DatabaseAway(Exception):
    """The database did not respond; the message is only the name of the driver's error."""


class PreparedRead:
    """A compiled query for one row, without the overhead of SQLAlchemy's sessions."""

    def __init__(self, statement: Select[Any]) -> None:
        """Store the statement; its parameters are texts, bound by name."""
        self._statement = statement
        self._prepared: dict[bool, _Prepared] = {}

    def first(self, values: Mapping[str, str]) -> Any:
        """Return the row as a named tuple; None if there is none. Raises DatabaseAway."""
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
    """The statement compiled for one kind of database, and the conversion of its values."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        columns = statement.selected_columns
        self._text = str(compiled)
        #: Parameter names in order if the driver takes them by position; None: by name.
        self._order = compiled.positiontup if compiled.positional else None
        row = namedtuple("row", columns.keys())  # type: ignore[misc]  # known only at run time
        self._row: Callable[..., Any] = row
        self._processors = [
            (index, processor)
            for index, column in enumerate(columns)
            if (processor := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]
        # database.py has turned off the implicit BEGIN of SQLite's driver.
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
            _users.c.client_key == bindparam("client_key"), _users.c.open_id == bindparam("open_id")
        ),
    )
    .outerjoin(_uses, and_(_uses.c.user_id == _users.c.id, _uses.c.key_id == _keys.c.id))
    .where(_keys.c.id == bindparam("key_id"))
)


class BadKey(Exception):
    """There is no key, or it is unknown or revoked; the response does not say which."""


class ScopeMissing(Exception):
    """The person did not grant all of the requested scopes."""

    def __init__(self, missing: list[str]) -> None:
        """Store the missing scopes, which must be sorted."""
        super().__init__(", ".join(missing))
        self.missing = missing


class FoundConnection(ConnectionRow, uses.HandedOut, Protocol):
    """The columns of a person's row and of the service's key that a hand-out needs."""


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """A service whose key was accepted, and the row it asks for, as read with the key."""

    #: The public part of the key.
    key_id: str
    key_name: str
    open_id: str
    #: None: nobody with this open_id has connected.
    row: FoundConnection | None


def check_call(runtime: Runtime, key: str, open_id: str) -> CheckedCall:
    """Check a service's key and read the row in the same query. Raises BadKey, Pending."""
    public = public_id(key)
    if public is None:
        raise BadKey
    found = _read(runtime, public, open_id)
    if found is None or not is_key(key, found.digest) or found.revoked_at is not None:
        raise BadKey
    now = runtime.clock()
    recorded = found.key_used_at is not None and now - found.key_used_at < RECORD_USE_EVERY
    if not recorded and not _record_key_use(public, now):
        raise BadKey
    row = cast(FoundConnection, found) if found.id is not None else None
    return CheckedCall(public, found.key_name, open_id, row)


def hand_out(
    runtime: Runtime,
    call: CheckedCall,
    *,
    min_ttl: timedelta,
    scopes: Collection[str] = (),
    rejected_version: int | None = None,
) -> Access:
    """Return a working access token with at least `min_ttl` left, and all of `scopes`.

    `rejected_version`: TikTok answered 401 to that version (see `on_demand.fresh_access`).
    The key may be revoked or the connection may end during a refresh or while waiting for a lock,
    so both are checked again before the token is returned. Raises NotConnected, ReconnectRequired,
    ScopeMissing, Pending, NoLongerAllowed.
    """
    row = call.row
    if row is None:
        raise NotConnected
    if rejected_version is not None and rejected_version > row.version:
        # This row never had that version, so it is no reason to spend a refresh.
        rejected_version = None
    try:
        access = stored_access(runtime, row, min_ttl, rejected_version, runtime.clock())
        if access is None:
            access = _refreshed(runtime, call, row, min_ttl, rejected_version)
    except SQLAlchemyError as error:
        raise _database_pending(type(error).__name__) from None
    except CannotOpen as error:
        log.error("token_not_decrypted", open_id=call.open_id, reason=str(error))
        raise Pending(RETRY_AFTER, "cannot_open") from None
    missing = sorted(set(scopes) - access.scopes)
    if missing:
        raise ScopeMissing(missing)
    if _record_use(row, runtime.clock()):
        _check_again(runtime, call, row)
    return access


def _refreshed(
    runtime: Runtime,
    call: CheckedCall,
    row: FoundConnection,
    min_ttl: timedelta,
    rejected: int | None,
) -> Access:
    """Refresh and return the token. A revoked key gets no result, not even the refresh's error."""
    person = PersonRef(row.id, row.ticket)
    try:
        access = on_demand.fresh_access(
            runtime, call.open_id, person=person, min_ttl=min_ttl, rejected_version=rejected
        )
    except (NotConnected, ReconnectRequired, Pending, CannotOpen):
        _read_again(runtime, call)
        raise
    _check_again(runtime, call, row)
    return access


def _check_again(runtime: Runtime, call: CheckedCall, row: FoundConnection) -> None:
    """Check key and connection once more. Raises what `hand_out` raises."""
    found = _read_again(runtime, call)
    if found.ticket != row.ticket:
        raise NotConnected
    raise_if_ended(found, runtime.clock())


def _read_again(runtime: Runtime, call: CheckedCall) -> Any:
    """Return the current key and row. Raises NoLongerAllowed if the key was revoked."""
    found = _read(runtime, call.key_id, call.open_id)
    if found is None or found.revoked_at is not None:
        raise NoLongerAllowed("service")
    return found


def _read(runtime: Runtime, key_id: str, open_id: str) -> Any:
    """Return key and row; None if there is no such key. Raises Pending."""
    # PostgreSQL doesn't accept NUL in texts, and no open_id contains one.
    known = "" if "\0" in open_id else open_id
    values = {"key_id": key_id, "client_key": runtime.client_key, "open_id": known}
    try:
        return _key_and_connection.first(values)
    except DatabaseAway as error:
        raise _database_pending(str(error)) from None


def _database_pending(error: str) -> Pending:
    log.error("database_unavailable", error=error)
    return Pending(RETRY_AFTER, "database")


def _record_key_use(key_id: str, now: datetime) -> bool:
    """Record the use of a key. Return False if it was revoked while we waited for the lock."""
    try:
        with writing() as session:
            updated = session.scalar(
                update(ServiceKey)
                .where(ServiceKey.id == key_id, ServiceKey.revoked_at.is_(None))
                .values(last_used_at=now)
                .returning(ServiceKey.id)
            )
    except SQLAlchemyError as error:
        _log_not_recorded(error)
        return True
    return updated is not None


def _record_use(row: FoundConnection, now: datetime) -> bool:
    """Record the hand-out, at most hourly. Return True if that may have taken time.

    Raises NoLongerAllowed.
    """
    try:
        return uses.record_use(row, now)
    except SQLAlchemyError as error:
        _log_not_recorded(error)
        return True


def _log_not_recorded(error: SQLAlchemyError) -> None:
    """Log the failure and continue: a good token is handed out even if its use isn't recorded."""
    log.warning("use_not_recorded", error=type(error).__name__)
