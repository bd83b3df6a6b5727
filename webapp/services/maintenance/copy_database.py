"""Copies everything into an empty database, SQLite or PostgreSQL; never merges or overwrites.

The source is locked against writes while it is read, and marked as moved in the same transaction,
so a worker still running on the source stops refreshing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import (
    Connection,
    Engine,
    NullPool,
    Table,
    create_engine,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import Base, batches, continue_after, db, is_sqlite, last_id, prepare, writing
from webapp.files import absolute_url
from webapp.models import Installation, User
from webapp.services.installation import binding
from webapp.services.maintenance import database_checks
from webapp.services.records import audit, audit_chain
from webapp.services.refresh import rescue_file
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

#: Rows per read and write.
BATCH = 500
#: Not copied: the new database has a binding of its own.
_LEFT_OUT = {Installation.__tablename__}


class CannotCopy(Exception):
    """Nothing was copied; the message says why and what to do."""


@dataclass(frozen=True)
class Copied:
    """Progress of a copy."""

    table: str
    #: Rows of all tables, written so far.
    rows: int


def copy_database(runtime: Runtime, url: str, root: Path) -> Iterator[Copied]:
    """Copy every table into the database at `url`, in one transaction; yield after each batch.

    Both databases are committed only after the last yield, the target first. A relative SQLite
    path is relative to `root`. Raises CannotCopy.
    """
    try:
        yield from _copy(runtime, url, root)
    except SQLAlchemyError as error:
        raise CannotCopy(
            f"a database reported an error ({type(error).__name__}); see its log"
        ) from None


def _copy(runtime: Runtime, url: str, root: Path) -> Iterator[Copied]:
    with _target(url, root) as target, writing(durable=True) as session:
        source = session.connection()
        _lock(source)
        _refuse_busy(runtime, session)
        with target.connect().execution_options(coatcheck_write="FULL") as into, into.begin():
            _refuse_filled(into)
            # The row is one of those that are counted.
            audit_chain.lock(session)
            # Before the copy is made, so both databases have the audit event.
            audit.record(session, runtime.clock(), "database.copied", rows=_rows(source) + 1)
            audit.write(session)
            rows = 0
            for table in _tables():
                for written in _copy_table(source, into, table):
                    rows += written
                    yield Copied(table.name, rows)
            _compare(source, into)
            for table in _tables():
                # Ids of deleted rows are not reused: a bulk job or a worker may still refer to one.
                continue_after(into, table, last_id(source, table))
        binding.mark_moved(session, runtime)
    log.warning("database_copied", kind=target.dialect.name)


def total() -> int:
    """Return the number of rows to copy, including the audit event for the copy."""
    with db.engine.connect() as connection:
        return _rows(connection) + 1


@contextmanager
def _target(url: str, root: Path) -> Iterator[Engine]:
    try:
        # No parameters in errors: they are encrypted tokens and people's names.
        engine = create_engine(absolute_url(url, root), poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, ImportError, ValueError) as error:
        raise CannotCopy(
            f"this is not a database URL that can be used ({type(error).__name__}):"
            " write sqlite:///PATH or postgresql://USER@HOST/NAME, the latter after"
            " pip install -r requirements-postgres.txt"
        ) from None
    prepare(engine)
    try:
        if engine.url == db.engine.url:
            raise CannotCopy("this is the database that is in use now")
        fault = database_checks.database_fault(engine)
        if fault is not None:
            raise CannotCopy(
                f"in the other database: {fault.cause}. With DATABASE_URL set to it: {fault.fix}"
            )
        yield engine
    finally:
        engine.dispose()


def _tables() -> list[Table]:
    """Return the tables to copy, referenced tables first."""
    return [table for table in Base.metadata.sorted_tables if table.name not in _LEFT_OUT]


def _lock(source: Connection) -> None:
    """Lock PostgreSQL against writes until the end; SQLite's BEGIN has done so already."""
    if not is_sqlite(source.dialect):
        names = ", ".join(table.name for table in Base.metadata.sorted_tables)
        source.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _refuse_busy(runtime: Runtime, session: Session) -> None:
    leased = (User.claim.is_not(None), User.next_at > runtime.clock())
    claims = session.scalar(select(func.count()).where(*leased))
    if claims:
        raise CannotCopy(
            f"{claims} refreshes are in progress: stop the worker and gunicorn, wait a minute, then"
            " try again"
        )
    if rescue_file.has_answers(runtime):
        raise CannotCopy("answers are waiting in the rescue file: run flask tokens rescue first")


def _refuse_filled(target: Connection) -> None:
    # `flask db upgrade` has bound it, as it binds every new database.
    filled = [table.name for table in _tables() if _count(target, table)]
    if filled:
        raise CannotCopy(f"the other database is not empty: there are rows in {', '.join(filled)}")


def _rows(connection: Connection) -> int:
    return sum(_count(connection, table) for table in _tables())


def _copy_table(source: Connection, target: Connection, table: Table) -> Iterator[int]:
    """Copy a table by key and yield the rows of each batch."""
    keys = list(table.primary_key.columns)
    for rows in batches(select(table), keys, BATCH, lambda query: source.execute(query).all()):
        target.execute(insert(table), [dict(row._mapping) for row in rows])
        yield len(rows)


def _compare(source: Connection, target: Connection) -> None:
    for table in _tables():
        old, new = _count(source, table), _count(target, table)
        if old != new:
            raise CannotCopy(f"{table.name} has {old} rows here but {new} in the copy")


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
