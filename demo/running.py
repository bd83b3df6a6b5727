"""Lets plain `flask …` commands find the demo that `python wsgi.py` is running.

The demo holds a lock on the file with its settings. The kernel releases it when the demo ends,
however it ends, so a file that is left over is never used.
"""

import fcntl
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from webapp.settings import NAMES

FILE = "demo.env"
#: Settings that may be set beside those of a demo: the port chooses one of several.
_FREE = ("PORT", "LOG_LEVEL", "LOG_FORMAT")
#: Nothing else is taken from the file.
_KNOWN = frozenset((*NAMES, *(f"{name}_FILE" for name in NAMES), "FLASK_APP"))


class Several(Exception):
    """More than one demo is running, and PORT doesn't choose one; the text says what to do."""


def folder_of(root: Path, port: int | str) -> Path:
    """Return where the demo on a port keeps its files."""
    return root / "instance" / "demo" / str(port)


def publish(folder: Path, settings: Mapping[str, str]) -> IO[str]:
    """Write the settings as lines that a shell can source, and lock the file.

    It counts as running until the returned file is closed or the process ends.
    """
    draft = folder / f".{FILE}"
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    file = os.fdopen(descriptor, "w", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    file.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    file.flush()
    # Complete and locked from the moment when others can see it.
    draft.rename(folder / FILE)
    return file


def find(root: Path, environ: Mapping[str, str]) -> dict[str, str] | None:
    """Return the settings of the running demo; None if there is none, or if it isn't meant.

    It isn't meant if there is an .env file, or if anything that it would set is set already.
    Raises Several.
    """
    if (root / ".env").exists() or _set_already(environ):
        return None
    port = environ.get("PORT", "").strip() or "*"
    found = [live for path in _files(root, port) if (live := _read_if_locked(path)) is not None]
    if len(found) > 1:
        ports = ", ".join(sorted(each["PORT"] for each in found))
        raise Several(f"Several demos are running (ports {ports}); choose one with PORT=8000.")
    return found[0] if found else None


def is_alone(root: Path) -> bool:
    """Return True if the only running demo would be found by a plain command."""
    live = [path for path in _files(root, "*") if _read_if_locked(path) is not None]
    return len(live) == 1 and not (root / ".env").exists()


def _files(root: Path, port: str) -> list[Path]:
    if port != "*" and not port.isdecimal():
        return []
    return sorted(folder_of(root, "").glob(f"{port}/{FILE}"))


def _set_already(environ: Mapping[str, str]) -> bool:
    names = (name for name in NAMES if name not in _FREE)
    return any(environ.get(name) or environ.get(f"{name}_FILE") for name in names)


def _read_if_locked(path: Path) -> dict[str, str] | None:
    """Return the settings in the file of a running demo; None if it has ended."""
    try:
        with open(path, encoding="utf-8", opener=_without_following) as file:
            if not _is_own(file.fileno()):
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found = dict(_setting(line) for line in file)
                return {name: value for name, value in found.items() if name in _KNOWN}
    except OSError:
        # It has just ended.
        return None
    return None


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _is_own(file: int) -> bool:
    """Return False for what another user could have written: it decides over this process."""
    status = os.fstat(file)
    private = not status.st_mode & 0o077
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and private


def _setting(line: str) -> tuple[str, str]:
    name, _, value = shlex.split(line)[1].partition("=")
    return name, value
