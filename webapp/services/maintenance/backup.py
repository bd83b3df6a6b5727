"""Backs up the database: SQLite into one file, PostgreSQL by a command line for `pg_dump`.

The backup of a database that is in use is a consistent snapshot. It's written under a temporary
name and renamed only once it's complete, verified and flushed to disk.
"""

import errno
import os
import secrets
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL

from webapp.database import BUSY_TIMEOUT_MS, db
from webapp.files import sqlite_path

#: Pages that are copied before Python looks for signals again; a page has 4 kB.
_STEP = 2048


class CannotBackUp(Exception):
    """No backup was made; the message says why and what to do."""


@dataclass(frozen=True)
class BackedUp:
    """A backup that is complete."""

    #: In bytes.
    size: int
    #: Of all tables.
    rows: int


def pg_dump_line(file: Path, *, replace: bool = False) -> str | None:
    """Return the command line that backs up PostgreSQL, without a password; None for SQLite.

    `replace`: a file of this name may exist. Raises CannotBackUp.
    """
    if sqlite_path(db.engine) is not None:
        return None
    _refuse(file, replace=replace)
    url = db.engine.url
    url = url.difference_update_query([name for name in url.query if "password" in name])
    # Its password is taken out by making it new: `set` can't remove one.
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    address = address.set(query=url.query)
    words = ("pg_dump", "--format=custom", f"--file={file}", address.render_as_string())
    return f"(umask 077 && {shlex.join(words)})"


def back_up(file: Path, *, replace: bool = False) -> BackedUp:
    """Write the complete SQLite database to `file`, with permissions 0600.

    `replace`: a file of this name may exist. Otherwise, a file that appears in the meantime is left
    alone, too. If this raises CannotBackUp, it leaves no incomplete file behind.
    """
    source = sqlite_path(db.engine)
    if source is None or not source.exists():
        raise CannotBackUp("there is no database yet: run flask db upgrade")
    _refuse_own(file, source)
    _refuse(file, replace=replace)
    with _told(file, source), _draft(file) as draft:
        _copy(source, draft)
        rows = _verified(draft)
        _flush(draft)
        if replace:
            draft.replace(file)
        else:
            _put(draft, file)
        _flush(file.parent)
        return BackedUp(file.stat().st_size, rows)


def _refuse_own(file: Path, source: Path) -> None:
    """Raise CannotBackUp if the file is the database's own."""
    own = [source.with_name(f"{source.name}{end}").resolve() for end in ("", "-wal", "-shm")]
    if file.resolve() in own or (file.exists() and file.samefile(source)):
        raise CannotBackUp(f"{file} is the database itself: choose a different file")


def _refuse(file: Path, *, replace: bool) -> None:
    """Raise CannotBackUp if the file can't or shouldn't be written."""
    if file.is_dir():
        raise CannotBackUp(f"{file} is a folder: choose a file in it")
    if not file.parent.is_dir():
        raise CannotBackUp(f"there is no folder {file.parent}: create it with mkdir -m 700")
    if file.with_name(f"{file.name}-wal").exists():
        # SQLite would take it for the log of the new backup.
        raise CannotBackUp(f"{file}-wal is the log of another database: choose a different file")
    if not os.path.lexists(file):
        return
    if not replace:
        raise CannotBackUp(f"{file} already exists: choose a different file, or add --force")
    if not file.is_file() or file.is_symlink():
        raise CannotBackUp(f"{file} is not a plain file: choose a different file")


@contextmanager
def _told(file: Path, source: Path) -> Iterator[None]:
    """Turn errors into a CannotBackUp that says why the backup couldn't be written."""
    try:
        yield
    except FileExistsError:
        raise CannotBackUp(
            f"{file} has appeared in the meantime: choose a different file, or add --force"
        ) from None
    except (OSError, sqlite3.Error) as error:
        if _is_full(error):
            raise CannotBackUp(_full(file, source)) from None
        why = getattr(error, "strerror", None) or str(error)
        raise CannotBackUp(
            f"{file} cannot be written ({why}): give this user write access to {file.parent}"
        ) from None


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # A quota is an error in writing to SQLite.
    name = str(getattr(error, "sqlite_errorname", ""))
    return name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")


def _full(file: Path, source: Path) -> str:
    free = in_megabytes(shutil.disk_usage(file.parent).free)
    return (
        f"there isn't enough space for {file}: it needs {in_megabytes(source.stat().st_size)}, and"
        f" {free} are free. Free some space, or choose a file on another disk"
    )


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """Yield an empty file beside `file`, for this user alone; it is gone at the end."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield draft
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            draft.with_name(f"{draft.name}{end}").unlink(missing_ok=True)


def _copy(source: Path, draft: Path) -> None:
    """Copy one snapshot of the database; writers can continue without affecting it."""
    with closing(sqlite3.connect(source, isolation_level=None)) as database:
        database.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        try:
            # Without a transaction, the copy would start again after every commit of others.
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise CannotBackUp(
                f"the database cannot be read ({error}): flask doctor says what to do"
            ) from None
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            database.backup(copy, pages=_STEP)


def _verified(draft: Path) -> int:
    """Return the number of rows of a backup that can be read in full. Raises CannotBackUp."""
    address = f"file:{quote(str(draft.resolve()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as copy:
        found = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise CannotBackUp(
                "the database is damaged, so a backup would be, too: restore an earlier backup"
            )
        names = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return sum(_count(copy, name) for (name,) in names if not name.startswith("sqlite_"))


def _count(database: sqlite3.Connection, table: str) -> int:
    statement = f'SELECT count(*) FROM "{table}"'  # noqa: S608  # a name from its own schema
    return int(database.execute(statement).fetchone()[0])


def _put(draft: Path, file: Path) -> None:
    """Give a draft its name, unless that exists. Raises FileExistsError."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, as on a memory stick: then the check is not quite atomic.
        if os.path.lexists(file):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file)) from None
        draft.replace(file)


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def in_megabytes(size: int) -> str:
    """Return a size for people: "0.3 MB"."""
    return f"{size / 2**20:,.1f} MB"
