"""Copies everything into another, empty database of either kind; never merges or overwrites.

The source is locked against writing while it is read, and marked as moved in the same
transaction: a worker that is still running there finds that it may not refresh any more."""

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
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import Base, continue_after, db, is_sqlite, last_id, prepare, writing
from webapp.files import absolute_url
from webapp.models import Installation, User
from webapp.services.maintenance import database_checks
from webapp.services.records import audit
from webapp.services.refresh import rescue_file
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

#: Rows read and written at once.
BATCH = 500
#: The binding is no data: the new database is bound by whoever first works with it.
_LEFT_OUT = {Installation.__tablename__}


class CannotCopy(Exception):
    """Nothing was copied, for a reason that the message tells with what to do."""


@dataclass(frozen=True)
class Copied:
    """How far a copy is."""

    table: str
    #: Rows written so far, of all tables.
    rows: int


def copy_database(runtime: Runtime, url: str, root: Path) -> Iterator[Copied]:
    """Copy every table into the database at `url`, in one transaction; yield after each batch.

    Both sides are committed after the last yield only, the target first. A relative SQLite path
    counts from `root`. Raises CannotCopy.
    """
    try:
        yield from _copy(runtime, url, root)
    except SQLAlchemyError as error:
        raise CannotCopy(f"a database refused ({type(error).__name__}); see its log") from None


def _copy(runtime: Runtime, url: str, root: Path) -> Iterator[Copied]:
    with _target(url, root) as target, writing(durable=True) as session:
        source = session.connection()
        _lock(source)
        _refuse_busy(runtime, session)
        with target.connect().execution_options(coatcheck_write="FULL") as there, there.begin():
            _refuse_filled(there)
            _record(runtime, session)
            rows = 0
            for table in _tables():
                for written in _copy_table(source, there, table):
                    rows += written
                    yield Copied(table.name, rows)
            _compare(source, there)
            for table in _tables():
                # Ids of deleted rows stay taken: a bulk job or a worker may still name one.
                continue_after(there, table, last_id(source, table))
        bound = session.get(Installation, 1)
        if bound is not None:
            bound.moved_at = runtime.clock()
    log.warning("database_copied", kind=target.dialect.name)


def total() -> int:
    """Return how many rows there are to copy, with the one that tells of the copy."""
    with db.engine.connect() as connection:
        return _rows(connection) + 1


@contextmanager
def _target(url: str, root: Path) -> Iterator[Engine]:
    try:
        # No parameters in errors: they are sealed tokens and people's names.
        engine = create_engine(absolute_url(url, root), poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, ImportError, ValueError) as error:
        raise CannotCopy(
            f"this is no address of a database that can be reached ({type(error).__name__}):"
            " write sqlite:///PATH or postgresql://USER@HOST/NAME, the latter after"
            " pip install -r requirements-postgres.txt"
        ) from None
    prepare(engine)
    try:
        if engine.url == db.engine.url:
            raise CannotCopy("this is the database that is in use already")
        fault = database_checks.database_fault(engine)
        if fault is not None:
            raise CannotCopy(
                f"in the other database: {fault.cause}. With DATABASE_URL set to it: {fault.fix}"
            )
        yield engine
    finally:
        engine.dispose()


def _tables() -> list[Table]:
    """Return the tables to copy, those that others point at first."""
    return [table for table in Base.metadata.sorted_tables if table.name not in _LEFT_OUT]


def _lock(source: Connection) -> None:
    """Let nobody write until the end; SQLite's own BEGIN has done so already."""
    if not is_sqlite(source.dialect):
        names = ", ".join(table.name for table in Base.metadata.sorted_tables)
        source.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _refuse_busy(runtime: Runtime, session: Session) -> None:
    claims = session.scalar(
        select(func.count())
        .select_from(User)
        .where(User.claim.is_not(None), User.next_at > runtime.clock())
    )
    if claims:
        raise CannotCopy(
            f"{claims} refreshes are under way: stop the worker and gunicorn, wait a minute, then"
            " run it again"
        )
    if rescue_file.has_answers(runtime):
        raise CannotCopy("answers wait in the rescue file: run flask tokens rescue first")


def _refuse_filled(there: Connection) -> None:
    filled = [table.name for table in Base.metadata.sorted_tables if _count(there, table)]
    if filled:
        raise CannotCopy(f"the other database is not empty: there are rows in {', '.join(filled)}")


def _record(runtime: Runtime, session: Session) -> None:
    """Write the copy down before it is made, so that both databases tell of it."""
    rows = _rows(session.connection()) + 1
    audit.record(session, runtime.clock(), "database.copied", rows=rows)


def _rows(connection: Connection) -> int:
    return sum(_count(connection, table) for table in _tables())


def _copy_table(source: Connection, there: Connection, table: Table) -> Iterator[int]:
    """Copy a table by key and yield the rows of each batch."""
    keys = table.primary_key.columns
    query = select(table).order_by(*keys).limit(BATCH)
    found = source.execute(query).all()
    while found:
        there.execute(insert(table), [dict(row._mapping) for row in found])
        yield len(found)
        last = [literal(found[-1]._mapping[key], key.type) for key in keys]
        found = source.execute(query.where(tuple_(*keys) > tuple_(*last))).all()


def _compare(source: Connection, there: Connection) -> None:
    for table in _tables():
        ours, theirs = _count(source, table), _count(there, table)
        if ours != theirs:
            raise CannotCopy(f"{table.name} has {ours} rows here and {theirs} there")


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
