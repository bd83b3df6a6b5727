"""The database: engine, transactions and times on SQLite and PostgreSQL; knows no table by name.

Flask-SQLAlchemy makes the engine and nothing else, so that leaving it is a change of this file.
Every transaction is one of two: `reading()` or `writing()`. Both end before a call to TikTok,
because a held connection costs every other request its turn (security.md, "Facts that bite").
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Select,
    Table,
    TypeDecorator,
    cast,
    column,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute, Session

BUSY_TIMEOUT_MS = 10_000
#: What a connection waits for a free place in the pool, in seconds.
POOL_TIMEOUT = 10

#: For `__table_args__` of every table with a numbered key. SQLite would otherwise give the id of a
#: deleted newest row to the next one; PostgreSQL's sequences never do.
NEVER_REUSED = {"sqlite_autoincrement": True}

db = SQLAlchemy()

#: SQLite has one writer. Threads that queue here wake at once; in SQLite's own busy sleep the
#: slowest waited ten times longer than the median (token-keeping.md).
_one_writer = threading.Lock()


class Base(DeclarativeBase):
    """The ground of every table; constraints get names, so that migrations can drop them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC: `timestamptz` on PostgreSQL, text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into what the database keeps. Raises ValueError if naive."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn what the database keeps into an aware moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@contextmanager
def reading() -> Iterator[Session]:
    """Give a session that only reads; what it returns stays usable after it has ended."""
    with Session(db.engine, expire_on_commit=False, autoflush=False) as session:
        yield session


@contextmanager
def writing(*, durable: bool = False) -> Iterator[Session]:
    """Give a session whose changes are committed together at the end, or not at all.

    `durable` waits for the disk (SQLite's `synchronous=FULL`): for a refresh, where a commit lost
    with the power is a lost grant. SQLite takes its write lock at BEGIN, because a read that
    writes later fails at once with BUSY_SNAPSHOT, whatever the timeout.
    """
    engine = db.engine
    turn = _one_writer if engine.dialect.name == "sqlite" else nullcontext()
    with turn, Session(engine, expire_on_commit=False) as session:
        session.connection(execution_options={"coatcheck_write": "FULL" if durable else "NORMAL"})
        yield session
        session.commit()


def engine_options(url: str) -> dict[str, Any]:
    """Return what Flask-SQLAlchemy hands to `create_engine` for this database URL.

    Parameters never appear in errors or logs: they hold sealed tokens and people's names.
    """
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": 8,
        "max_overflow": 32,
        "pool_timeout": POOL_TIMEOUT,
    }
    if not url.startswith("sqlite"):
        options["pool_pre_ping"] = True
        # A server that takes connections and says nothing would hold a request for ever.
        options["connect_args"] = {"connect_timeout": 5}
    return options


def scrub() -> None:
    """Leave nothing of what was just deleted in SQLite's write-ahead log.

    `secure_delete` overwrites the pages of the file; the log keeps older copies until it is
    folded back and cut. Does nothing on PostgreSQL.
    """
    if db.engine.dialect.name != "sqlite":
        return
    connection = db.engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


def last_id(connection: Connection, of: Table) -> int:
    """Return the highest id that a table with a numbered key ever gave; 0 if it gave none."""
    key = of.autoincrement_column
    if key is None:
        return 0
    if connection.dialect.name == "sqlite":
        given = select(_SEQUENCE.c.seq).where(_SEQUENCE.c.name == of.name)
    else:
        sequence = func.pg_get_serial_sequence(of.name, key.name)
        given = select(func.pg_sequence_last_value(cast(sequence, REGCLASS)))
    there = select(func.max(key))
    return max(connection.scalar(given) or 0, connection.scalar(there) or 0)


def continue_after(connection: Connection, of: Table, last: int) -> None:
    """Make sure that a table with a numbered key never gives an id up to `last` again."""
    key = of.autoincrement_column
    last = max(last, last_id(connection, of))
    if key is None or last == 0:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(delete(_SEQUENCE).where(_SEQUENCE.c.name == of.name))
        connection.execute(insert(_SEQUENCE).values(name=of.name, seq=last))
    else:
        sequence = func.pg_get_serial_sequence(of.name, key.name)
        connection.execute(select(func.setval(sequence, last)))


#: SQLite's own: one row for each table with AUTOINCREMENT, from the first insert on.
_SEQUENCE = table("sqlite_sequence", column("name"), column("seq"))


def prepare(engine: Engine) -> None:
    """Set up a fresh engine: errors that quote no row; pragmas and BEGIN of our own on SQLite."""
    event.listen(engine, "handle_error", _cut)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)


def _cut(context: ExceptionContext) -> None:
    """Keep an error's first line: in the next ones PostgreSQL quotes the row that failed."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if isinstance(context.sqlalchemy_exception, DBAPIError) and error and error.args:
            error.args = (str(error.args[0]).partition("\n")[0],)


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN is off: it comes too late and is never IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    durability = connection.get_execution_options().get("coatcheck_write")
    if durability is None:
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA synchronous={durability}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def batches(
    query: Select[Any],
    keys: Sequence[Column[Any] | QueryableAttribute[Any]],
    size: int,
    fetch: Callable[[Select[Any]], Sequence[Any]] | None = None,
) -> Iterator[Sequence[Any]]:
    """Yield the rows of a query in lists of up to `size`, ordered by columns that identify a row.

    Each list is read in a transaction of its own, so neither memory nor a transaction grows with
    the table. A row that is added or removed meanwhile is yielded or not, no other row is missed
    or repeated. `fetch` runs a query in place of `reading()`.
    """
    fetch = fetch or _read
    query = query.order_by(*keys).limit(size)
    rows = fetch(query)
    while rows:
        yield rows
        if len(rows) < size:
            return
        last = [literal(getattr(rows[-1], key.key), key.type) for key in keys]
        rows = fetch(query.where(tuple_(*keys) > tuple_(*last)))


def _read(query: Select[Any]) -> Sequence[Any]:
    with reading() as session:
        return session.scalars(query).all()
