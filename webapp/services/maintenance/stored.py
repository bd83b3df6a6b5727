"""What database this is, how big, and how its log of writes stands; reads no table of ours."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from webapp.database import db, reading
from webapp.files import sqlite_path
from webapp.services.maintenance import status


@dataclass(frozen=True, slots=True)
class Database:
    """The database under this installation."""

    kind: str
    migration: str
    #: In bytes.
    size: int
    #: The bytes of SQLite's write-ahead log; None on PostgreSQL, or where it is switched off.
    log_size: int | None
    #: SQLite writes ahead, so that readers and writer do not wait for each other.
    wal: bool


def database() -> Database:
    """Return what is known of it. Raises SQLAlchemyError if it does not answer."""
    path = sqlite_path(db.engine)
    with reading() as session:
        if path is None:
            version = str(session.scalar(text("SHOW server_version"))).split()[0]
            size = session.scalar(text("SELECT pg_database_size(current_database())"))
            return Database(f"PostgreSQL {version}", status.migration(), size or 0, None, wal=True)
        version = session.scalar(text("SELECT sqlite_version()"))
        wal = session.scalar(text("PRAGMA journal_mode")) == "wal"
    log = _size(path.with_name(f"{path.name}-wal")) if wal else None
    return Database(f"SQLite {version}", status.migration(), _size(path), log, wal)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
