"""Checks of the database: reachable, at the latest migration, encrypted with a known key."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, column, inspect, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db, reading
from webapp.files import sqlite_path
from webapp.language import deferred_gettext as _
from webapp.models import User
from webapp.problems import Problem
from webapp.services.maintenance import database_errors
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_UPGRADE = "flask db upgrade"
NEWER = _("install that release again, or restore a backup from before the update")


def database_fault(engine: Engine | None = None) -> Problem | None:
    """Return what is wrong with the database; None if it responds and is at the latest migration.

    Uses the engine of the app unless another is given.
    """
    engine = engine or db.engine
    path = sqlite_path(engine)
    if path is not None and not path.exists():
        return Problem("DATABASE_URL", _("there is no database yet"), _UPGRADE, public=True)
    try:
        with engine.connect() as connection:
            heads = _heads(connection)
    except SQLAlchemyError as error:
        return database_errors.problem_of(error, path)
    known = revisions()
    if not heads <= set(known):
        return Problem("DATABASE_URL", _("the database was updated by a newer release"), NEWER)
    if heads != {known[-1]}:
        cause = _("the database is not at the latest migration")
        return Problem("DATABASE_URL", cause, _UPGRADE, public=True)
    return None


def current_migration() -> str:
    """Return the migration that the database is at; empty if it was never migrated."""
    with db.engine.connect() as connection:
        return ", ".join(sorted(_heads(connection)))


def keys_fault(runtime: Runtime) -> Problem | None:
    """Return what is wrong with TOKEN_KEYS; None if the newest stored tokens can be decrypted."""
    newest = select(User).where(User.access_token.is_not(None)).order_by(User.id.desc()).limit(1)
    try:
        with reading() as session:
            user = session.scalar(newest)
        if user is not None:
            runtime.vault.load(user)
    except SQLAlchemyError as error:
        cause = _("the database cannot be read (%(error)s)", error=type(error).__name__)
        return Problem("DATABASE_URL", cause, _("restore the whole database from a backup"))
    except CannotOpen as error:
        return Problem(
            "TOKEN_KEYS",
            _("the stored tokens cannot be decrypted: %(why)s", why=_(str(error))),
            _("add the key that encrypted them to TOKEN_KEYS again, after the new one"),
            public=True,
        )
    return None


def faults(runtime: Runtime) -> list[Problem]:
    """Return everything that prevents this installation from serving."""
    fault = database_fault() or keys_fault(runtime)
    return [fault] if fault else []


def _heads(connection: Connection) -> set[str]:
    """Return the current migrations; Alembic's own function writes two log lines each time."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(
        connection.scalars(select(column("version_num")).select_from(table("alembic_version")))
    )


def revisions() -> list[str]:
    """Return all migrations, the oldest first, by the numbers that their files begin with.

    Alembic would import each of them, and itself takes 0.15 s to import.
    """
    files = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return sorted(file.name.partition("_")[0] for file in files)


@dataclass(frozen=True, slots=True)
class StoredDatabase:
    """What database this installation uses."""

    kind: str
    migration: str
    #: In bytes.
    size: int
    #: In bytes, of SQLite's write-ahead log; None if it is off, and for PostgreSQL.
    log_size: int | None
    #: True for SQLite in WAL mode, and for PostgreSQL.
    wal: bool


def stored_database() -> StoredDatabase:
    """Return the facts about the database. Raises SQLAlchemyError if it does not respond."""
    path = sqlite_path(db.engine)
    with reading() as session:
        if path is None:
            version = str(session.scalar(text("SHOW server_version"))).split()[0]
            size = session.scalar(text("SELECT pg_database_size(current_database())"))
            return StoredDatabase(
                f"PostgreSQL {version}", current_migration(), size or 0, None, wal=True
            )
        version = session.scalar(text("SELECT sqlite_version()"))
        wal = session.scalar(text("PRAGMA journal_mode")) == "wal"
    log = _file_size(path.with_name(f"{path.name}-wal")) if wal else None
    return StoredDatabase(f"SQLite {version}", current_migration(), _file_size(path), log, wal)


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
