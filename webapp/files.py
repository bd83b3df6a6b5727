"""Where this installation keeps its files, and how the SQLite file is created."""

import errno
import hashlib
import os
import re
import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

#: In memory on Linux, so a full disk doesn't reach it. Containers may have none, or a tiny one.
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder; mkdtemp and mkstemp make what is in it
_MEMORY_NEEDED = 16 * 2**20
#: With less than this free, SQLite can't even create its shared memory file.
_NO_ROOM = 64 * 2**10
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9._-]")


def absolute_url(url: str, folder: Path) -> str:
    """Return the URL with a relative SQLite path resolved against `folder`."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return url
    path = (folder / parsed.database).resolve()
    return parsed.set(database=str(path)).render_as_string(hide_password=False)


def sqlite_path(engine: Engine) -> Path | None:
    """Return the file behind an SQLite engine; None on PostgreSQL."""
    if engine.url.get_backend_name() != "sqlite" or not engine.url.database:
        return None
    return Path(engine.url.database)


def database_name(url: str) -> str:
    """Return a name for a database that can be part of a file name, different for each one.

    It is the same for every user and password. An SQLite file keeps it when its folder is moved.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _NOT_IN_NAME.sub("_", Path(parsed.database or "").name)
    place = f"{parsed.host}:{parsed.port}/{parsed.database}"
    return f"postgresql-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def own_folder(engine: Engine, root: Path) -> Path:
    """Return where an installation keeps its own files: beside an SQLite database."""
    path = sqlite_path(engine)
    return path.parent if path is not None else root / "instance"


def ensure_file(path: Path) -> None:
    """Create the SQLite file if it does not exist: 0600, in a 0700 folder, in WAL mode.

    The file is finished under another name and then linked into place. So if several processes
    start together, none sees an incomplete file or waits for another's switch to WAL. Raises
    OSError, with no file left behind, if that fails, for instance because the disk is full.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        path.chmod(0o600)
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        try:
            with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error as error:
            if error.sqlite_errorname.startswith("SQLITE_FULL"):
                raise full_disk(path) from None
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path)) from error
        if not draft.stat().st_size:
            # SQLite doesn't report that the disk had no room for the first page.
            raise full_disk(path)
        try:
            os.link(draft, path)
        except FileExistsError:
            path.chmod(0o600)
    finally:
        for left in path.parent.glob(f"{draft.name}*"):
            left.unlink(missing_ok=True)


def full_disk(path: Path) -> OSError:
    """Return the error of a file for which there is no room on the disk."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def has_no_room(folder: Path) -> bool:
    """Return True if the disk of an existing folder is full."""
    try:
        return shutil.disk_usage(folder).free < _NO_ROOM
    except OSError:
        return False


def memory_folder() -> str | None:
    """Return a folder in memory for small files that end with their process; None: there is none.

    A program that maps a file of a full disk into memory is killed by SIGBUS when it writes to it.
    """
    try:
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    usable = os.access(MEMORY, os.W_OK | os.X_OK) and free >= _MEMORY_NEEDED
    return str(MEMORY) if usable else None
