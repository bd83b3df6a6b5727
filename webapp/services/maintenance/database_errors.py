"""Explains why a database can't be used, based on the driver's error."""

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from webapp.database import db
from webapp.files import has_no_room, sqlite_path
from webapp.language import Text
from webapp.language import deferred_gettext as _
from webapp.problems import Problem

#: What PostgreSQL or its driver says → cause and fix; the first that matches.
#: Their messages are never shown: one about a mistyped URL may contain part of its password.
_POSTGRESQL: tuple[tuple[str, Text, Text], ...] = (
    (
        "authentication failed",
        _("the database server rejects this user or password"),
        _("correct both in DATABASE_URL; in a password, write @ as %%40 and / as %%2F"),
    ),
    (
        "no password supplied",
        _("the database server requires a password"),
        _("add it to DATABASE_URL, or put it in PGPASSWORD or ~/.pgpass"),
    ),
    (
        "pg_hba.conf",
        _("the database server doesn't accept this user from this machine"),
        _("allow it in the server's pg_hba.conf, or correct DATABASE_URL"),
    ),
    (
        'role ".*" does not exist',
        _("the database server has no user with this name"),
        _("create it with createuser, or correct DATABASE_URL"),
    ),
    (
        'database ".*" does not exist',
        _("the database server has no database with this name"),
        _("create it with createdb, or correct DATABASE_URL"),
    ),
    (
        "resolve host|translate host name",
        _("the host of the database server can't be found"),
        _("correct the host in DATABASE_URL, or check DNS"),
    ),
    (
        "permission denied",
        _("this user isn't allowed to create or change tables in the database"),
        _("make it the owner of the database: ALTER DATABASE name OWNER TO user"),
    ),
    (
        "starting up|shutting down|recovery mode|too many|remaining connection slots",
        _("the database server isn't accepting connections at the moment"),
        _("wait a moment and try again; if the problem persists, check the server's log"),
    ),
    (
        "no space left",
        _("the disk of the database server is full"),
        _("free some space there"),
    ),
)
#: Codes that are not about what was asked of the database. SQLite: about the file or its disk.
#: PostgreSQL: connections (08), resources (53), shutdowns (57P), wrong passwords (28), no such
#: database (3D).
_UNAVAILABLE = (
    *("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_CANTOPEN"),
    *("SQLITE_READONLY", "08", "53", "57P", "28", "3D"),
)
#: PostgreSQL's code for a write to a server that only reads, such as a standby.
_READ_ONLY = "25006"
_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


class DatabaseUnusable(Exception):
    """The database can't be used; `problem` says why and what to do."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.cause)


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of the app's database, its driver or its disk into DatabaseUnusable."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseUnusable(problem_of(error, sqlite_path(db.engine))) from None


def is_unavailable(error: Exception) -> bool:
    """Return True if the database is full, locked, read-only or away, so waiting may help."""
    if isinstance(error, NoFreeConnection):
        return True
    code = code_of(error)
    if code == _READ_ONLY:
        return True
    # A missing table is an operational error of SQLite, too, and a deadlock one of PostgreSQL.
    return isinstance(error, OperationalError) and (not code or code.startswith(_UNAVAILABLE))


def code_of(error: Exception) -> str:
    """Return the database's own code of an error, such as SQLITE_FULL or 53100; empty if none."""
    original = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return str(code or "")


def problem_of(error: SQLAlchemyError | OSError, path: Path | None) -> Problem:
    """Return what is wrong with the database; `path` is its file, None for PostgreSQL."""
    if isinstance(error, OSError):
        cause, fix = _of_folder(error)
    elif path is not None:
        cause, fix = _of_sqlite(error, path)
    else:
        cause, fix = _of_postgresql(error)
    return Problem("DATABASE_URL", cause, fix)


def _of_folder(error: OSError) -> tuple[Text, Text]:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _("the disk is full"), _("free some space, then try again")
    cause = _(
        "%(path)s can't be created or written to (%(error)s)",
        path=error.filename or "the database",
        error=error.strerror or type(error).__name__,
    )
    return cause, _("give this user write access to that folder, or correct DATABASE_URL")


def _of_sqlite(error: SQLAlchemyError, path: Path) -> tuple[Text, Text]:
    kind = type(error).__name__
    original = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(original, "sqlite_errorname", "") if isinstance(original, sqlite3.Error) else ""
    if code.startswith(_DAMAGED):
        cause = _("the database cannot be read: the file is damaged, or not an SQLite database")
        return cause, _("restore the whole file from a backup, or correct DATABASE_URL")
    # If there is no room for its shared memory, SQLite speaks of an I/O error, or can't open it.
    no_file = code.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and has_no_room(path.parent)
    if no_file or code.startswith("SQLITE_FULL"):
        return _("the disk is full"), _("free some space, then try again")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        cause = _("the database is locked by another process (%(error)s)", error=kind)
        return cause, _("wait until that process is done, or stop it, then try again")
    if isinstance(error, OperationalError):
        cause = _("the database cannot be opened, or is locked (%(error)s)", error=kind)
        return cause, _(
            "give this user read and write access to the file and its folder, stop the process"
            " that locks it, or correct DATABASE_URL"
        )
    cause = _("the database cannot be read (%(error)s)", error=kind)
    return cause, _("restore the whole file from a backup, or correct DATABASE_URL")


def _of_postgresql(error: SQLAlchemyError) -> tuple[Text, Text]:
    said = str(error.orig) if isinstance(error, DBAPIError) else ""
    for pattern, cause, fix in _POSTGRESQL:
        if re.search(pattern, said, re.IGNORECASE):
            return cause, fix
    cause = _("the database isn't responding (%(error)s)", error=type(error).__name__)
    return cause, _("start the database server, or correct DATABASE_URL")
