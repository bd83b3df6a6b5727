"""Runs the migrations in one locked transaction; never while another process migrates too."""

from alembic import context
from sqlalchemy import Connection, text

import webapp.models  # noqa: F401  (fills the metadata)
from webapp.database import Base, db, is_sqlite
from webapp.files import ensure_file, sqlite_path

#: Any fixed number: the lock of this project's migrations on a PostgreSQL server.
_ADVISORY_LOCK = 7_046_029_254_386_353_131


class DanglingRows(RuntimeError):
    """A migration left rows that point at rows which are gone."""


def _run() -> None:
    engine = db.engine
    path = sqlite_path(engine)
    if path is not None:
        ensure_file(path)
    with engine.connect() as bare:
        # BEGIN IMMEDIATE: the second of two migrating processes waits, then finds nothing to do.
        connection = bare.execution_options(coatcheck_write="FULL")
        if is_sqlite(engine.dialect):
            _let_tables_be_rebuilt(connection)
        with connection.begin():
            if not is_sqlite(engine.dialect):
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}
                )
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                render_as_batch=True,
                compare_type=True,
            )
            with context.begin_transaction():
                context.run_migrations()
            if is_sqlite(engine.dialect):
                _refuse_dangling(connection)


def _let_tables_be_rebuilt(connection: Connection) -> None:
    """Keep SQLite from deleting what points at a table while that is dropped and rebuilt.

    Only outside a transaction can it be told so (sqlite.org/lang_altertable.html, section 7).
    The connection never goes back to the pool, where foreign keys bind.
    """
    connection.detach()
    connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")


def _refuse_dangling(connection: Connection) -> None:
    """Check by hand what SQLite was kept from checking. Raises DanglingRows."""
    found = {row[0] for row in connection.exec_driver_sql("PRAGMA foreign_key_check")}
    if found:
        raise DanglingRows(f"rows of {', '.join(sorted(found))} point at rows that are gone")


_run()
