"""The database: engine, transactions, times and upserts on SQLite and PostgreSQL.

Flask-SQLAlchemy only creates the engine, so this is the one file to change if we leave it.
Every transaction is either `reading()` or `writing()`. Both must end before a call to TikTok:
a connection that is held during a call keeps every other request waiting.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Executable,
    MetaData,
    Row,
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
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute, Session
from sqlalchemy.pool import ConnectionPoolEntry

from webapp.disk_sync import SharedSync

BUSY_TIMEOUT_MS = 10_000
#: How long a caller waits for a free connection of the pool, in seconds.
POOL_TIMEOUT = 10

#: For `__table_args__` of every table with an auto-incrementing key. Without it, after the newest
#: row is deleted, SQLite gives its id to the next row; PostgreSQL's sequences never do.
NEVER_REUSED = {"sqlite_autoincrement": True}

db = SQLAlchemy()

#: SQLite's own: one row for each table with AUTOINCREMENT, from the first insert on.
_SEQUENCE = table("sqlite_sequence", column("name"), column("seq"))

#: SQLite has one writer. Threads that queue here wake immediately; with SQLite's own busy sleep
#: the slowest waited ten times longer than the median.
_one_writer = threading.Lock()
_syncs = SharedSync()
_LAST_STEPS = "coatcheck_last_steps"
_CONNECTION = "coatcheck_connection"
#: Where a connection to SQLite keeps the path of the database's write-ahead log.
_LOG = "coatcheck_log"


def _ignore(_waited: float, _held: float | None) -> None:
    """Do nothing with the times of a write."""


_observe: Callable[[float, float | None], None] = _ignore


class NotOnDisk(OperationalError):
    """The changes are committed, but a power failure may still lose them."""


class Base(DeclarativeBase):
    """The base class of every table. Constraints get names, so migrations can drop them."""

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
    """An aware time in UTC: `timestamptz` on PostgreSQL, text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert an aware time to what the database stores. Raises ValueError if naive."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if is_sqlite(dialect) else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert what the database stores to an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def is_sqlite(dialect: Dialect) -> bool:
    """Return True if this is SQLite; otherwise it is PostgreSQL."""
    return dialect.name == "sqlite"


@contextmanager
def reading() -> Iterator[Session]:
    """Open a session for reading; the rows it returns can still be used after it has closed."""
    with Session(db.engine, expire_on_commit=False, autoflush=False) as session:
        yield session


def first_row(query: Select[Any], values: Mapping[str, Any] | None = None) -> Row[Any] | None:
    """Run one query in a transaction of its own; return its first row, or None.

    For what every request asks: without an ORM session, and with a query of tables' columns that
    was built once, it takes a fifth of the time of `reading()` and a query built for it.
    """
    with db.engine.connect() as connection:
        return connection.execute(query, values).first()


def run(
    session: Session,
    statement: Executable,
    values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
) -> CursorResult[Any]:
    """Run a statement of tables in the transaction of a session, without the ORM.

    What the session hasn't written yet isn't written before it.
    """
    connection: Connection = session.info.get(_CONNECTION) or session.connection()
    return connection.execute(statement, values)


def table_of(model: type[Base]) -> Table:
    """Return the table of a model, for statements that are built once and run without the ORM."""
    return Base.metadata.tables[model.__tablename__]


@contextmanager
def writing(*, durable: bool = False, together: bool = False) -> Iterator[Session]:
    """Open a session whose changes are all committed at the end, or none of them.

    `durable` waits for the disk (SQLite's `synchronous=FULL`): for refreshes, where a commit lost
    in a power failure is a lost grant. SQLite takes its write lock at BEGIN, because a transaction
    that reads first and writes later may fail with BUSY_SNAPSHOT, whatever the timeout.
    `durable` and `together` wait for the disk after the lock is released, so that those who commit
    meanwhile wait for one sync (decisions/0031). If that fails, NotOnDisk is raised, but the
    changes are committed.
    UPDATE and DELETE statements don't change objects the session has already loaded.
    What `run_last` was given runs right before the commit. All other writers of an SQLite database
    wait until the block ends, so it runs nothing but statements.
    """
    engine = db.engine
    turn = _turn() if is_sqlite(engine.dialect) else nullcontext()
    options = {"synchronize_session": False}
    level = ("TOGETHER" if together else "FULL") if durable else "NORMAL"
    asked, began, log = perf_counter(), None, None
    try:
        with turn, Session(engine, expire_on_commit=False, execution_options=options) as session:
            connection = session.connection(execution_options={"coatcheck_write": level})
            session.info[_CONNECTION] = connection
            began = perf_counter()
            log = connection.info.get(_LOG) if level == "TOGETHER" else None
            yield session
            # Takes the locks of whatever is still unwritten, before those of the last steps.
            session.flush()
            for step in session.info.get(_LAST_STEPS, ()):
                step(session)
            session.commit()
    finally:
        ended = perf_counter()
        _observe((began or ended) - asked, None if began is None else ended - began)
    if log is not None:
        _wait_for_disk(log)


def _wait_for_disk(log: str) -> None:
    """Return when all that was committed to this write-ahead log is on the disk."""
    try:
        _syncs.wait(log)
    except OSError as error:
        raise NotOnDisk("COMMIT", None, error) from error


def observe_writes(observe: Callable[[float, float | None], None]) -> None:
    """Pass the times of every `writing()` from now on to `observe`, in seconds.

    The first is how long it waited for its turn, the second how long it kept the others waiting;
    None if it never began.
    """
    global _observe
    _observe = observe


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for the other writers of this process, no longer than for those of other processes.

    While another process holds the lock, each of them waits its full time.
    """
    if not _one_writer.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
        locked = sqlite3.OperationalError("database is locked")
        locked.sqlite_errorname = "SQLITE_BUSY"
        raise OperationalError("BEGIN IMMEDIATE", None, locked)
    try:
        yield
    finally:
        _one_writer.release()


def run_last(session: Session, step: Callable[[Session], None]) -> None:
    """Run `step` at the end of this `writing()` transaction, so what it locks is locked briefly."""
    session.info.setdefault(_LAST_STEPS, []).append(step)


def upsert(
    dialect: Dialect,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]] | None,
    *,
    key: Sequence[str],
    changes: Callable[[Any], Mapping[str, Any]],
    where: ColumnElement[bool] | None = None,
) -> postgresql.Insert | sqlite.Insert:
    """Return a statement that inserts rows, or changes those whose key columns exist already.

    `rows`: None if they are passed with the statement, one execution each, so it is compiled once.
    `changes` gets the columns of the row that could not be inserted, and returns the new values of
    the existing one. `where`: change only the existing rows that match.
    """
    statement = (sqlite.insert if is_sqlite(dialect) else postgresql.insert)(model)
    if rows is not None:
        statement = statement.values(rows)
    set_ = changes(statement.excluded)
    return statement.on_conflict_do_update(index_elements=key, set_=set_, where=where)


def engine_options(url: str) -> dict[str, Any]:
    """Return the options that Flask-SQLAlchemy passes to `create_engine` for this database URL.

    Parameters never appear in errors or logs: they contain sealed tokens and people's names.
    """
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": 8,
        "max_overflow": 32,
        "pool_timeout": POOL_TIMEOUT,
    }
    if not url.startswith("sqlite"):
        options["pool_pre_ping"] = True
        # A server that accepts connections but never responds would block a request forever.
        options["connect_args"] = {"connect_timeout": 5}
    return options


def scrub(*, patient: bool = True) -> bool:
    """Remove what was just deleted from SQLite's write-ahead log. Does nothing on PostgreSQL.

    `secure_delete` overwrites the pages of the file, but the log keeps older copies until it is
    checkpointed and truncated. Return False if another process is reading an older state, so
    it must be tried again; not `patient`: without waiting for that, as writers would wait, too.
    """
    if not is_sqlite(db.engine.dialect):
        return True
    connection = db.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS if patient else 0}")
        rows = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    finally:
        connection.close()
    return all(busy == 0 for busy, *_pages in rows)


def last_id(connection: Connection, of: Table) -> int:
    """Return the highest id that a table with an auto-incrementing key ever assigned; 0 if none."""
    key = of.autoincrement_column
    if key is None:
        return 0
    if is_sqlite(connection.dialect):
        assigned = select(_SEQUENCE.c.seq).where(_SEQUENCE.c.name == of.name)
    else:
        sequence = func.pg_get_serial_sequence(of.name, key.name)
        assigned = select(func.pg_sequence_last_value(cast(sequence, REGCLASS)))
    stored = select(func.max(key))
    return max(connection.scalar(assigned) or 0, connection.scalar(stored) or 0)


def continue_after(connection: Connection, of: Table, last: int) -> None:
    """Make sure that a table with an auto-incrementing key assigns only ids above `last`."""
    key = of.autoincrement_column
    last = max(last, last_id(connection, of))
    if key is None or last == 0:
        return
    if is_sqlite(connection.dialect):
        connection.execute(delete(_SEQUENCE).where(_SEQUENCE.c.name == of.name))
        connection.execute(insert(_SEQUENCE).values(name=of.name, seq=last))
    else:
        sequence = func.pg_get_serial_sequence(of.name, key.name)
        connection.execute(select(func.setval(sequence, last)))


def prepare(engine: Engine) -> None:
    """Set up a new engine: errors that don't quote rows; on SQLite, our own pragmas and BEGIN."""
    event.listen(engine, "handle_error", _keep_first_line)
    if is_sqlite(engine.dialect):
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)


def _keep_first_line(context: ExceptionContext) -> None:
    """Cut an error down to its first line.

    PostgreSQL quotes the failed row in the lines after it.
    """
    for error in (context.original_exception, context.sqlalchemy_exception):
        if isinstance(context.sqlalchemy_exception, DBAPIError) and error and error.args:
            error.args = (str(error.args[0]).partition("\n")[0],)


def _set_pragmas(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN is turned off: it comes too late and is never IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    # Without a log of this kind, each commit waits for the disk itself.
    if cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        *_name, path = cursor.execute("PRAGMA database_list").fetchone()
        record.info[_LOG] = f"{path}-wal"
    cursor.close()


def _begin(connection: Connection) -> None:
    durability = connection.get_execution_options().get("coatcheck_write")
    if durability is None:
        # It waits for nothing, so it can't fail. Through the engine, it takes ten times as long.
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN")
        return
    if durability == "TOGETHER":
        durability = "NORMAL" if _LOG in connection.info else "FULL"
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
    the table. A row that is added or removed in the meantime may or may not be yielded; no other
    row is skipped or repeated. `fetch` runs a query in place of `reading()`.
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
