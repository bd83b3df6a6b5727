"""Runs the migrations in one locked transaction; never while another process migrates too."""

from alembic import context
from sqlalchemy import text

import webapp.models  # noqa: F401  (fills the metadata)
from webapp.database import Base, db, ensure_file, sqlite_path

#: Any fixed number: the lock of this project's migrations on a PostgreSQL server.
_ADVISORY_LOCK = 7_046_029_254_386_353_131


def _run() -> None:
    engine = db.engine
    path = sqlite_path(engine)
    if path is not None:
        ensure_file(path)
    with engine.connect() as bare:
        # BEGIN IMMEDIATE: the second of two migrating processes waits, then finds nothing to do.
        connection = bare.execution_options(coatcheck_write="FULL")
        with connection.begin():
            if engine.dialect.name == "postgresql":
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


_run()
