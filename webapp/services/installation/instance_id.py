"""This installation's own files: its id, and the generation of its database. They hold no secrets.

They are stored beside an SQLite database, else in `instance/`, and a backup of the database alone
does not contain them. So a copy or a restored backup can be distinguished from the original.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from webapp.files import full_disk
from webapp.settings import Settings

#: Two lines: the id, and the folder it was created in, which differs after a copy.
ID_FILE = "instance-id"
#: One line: the binding, and its highest generation.
GENERATION_FILE = "generation"


def current(settings: Settings, folder: Path) -> str | None:
    """Return INSTANCE_ID, else the id in the folder; None if there is none yet."""
    return settings.instance_id or next(iter(_lines(folder / ID_FILE)), None)


def copied_from(settings: Settings, folder: Path) -> str | None:
    """Return the folder this one was copied from; None if not copied, or if INSTANCE_ID is set."""
    lines = _lines(folder / ID_FILE)
    if settings.instance_id or len(lines) < 2 or lines[1] == str(folder.resolve()):
        return None
    return lines[1]


def ensure(settings: Settings, folder: Path) -> str:
    """Return the id, creating one if there is none; concurrent processes get the same.

    Raises OSError if the folder is not writable or the disk is full.
    """
    found = current(settings, folder)
    if found is not None:
        return found
    text = f"{secrets.token_hex(8)}\n{folder.resolve()}\n"
    with _draft(folder, ID_FILE, text) as draft, suppress(FileExistsError):
        os.link(draft, folder / ID_FILE)
    return _lines(folder / ID_FILE)[0]


def renew(settings: Settings, folder: Path) -> str:
    """Return the id, replacing one that came with a copied folder. Raises OSError."""
    if copied_from(settings, folder) is not None:
        (folder / ID_FILE).unlink()
    return ensure(settings, folder)


def recorded_generation(folder: Path) -> tuple[str, int]:
    """Return the binding in the file and its highest generation; ("", 0) if there is none."""
    words = " ".join(_lines(folder / GENERATION_FILE)).split()
    if len(words) != 2 or not words[1].isdecimal():
        return "", 0
    return words[0], int(words[1])


def record_generation(folder: Path, binding: str, generation: int) -> None:
    """Write the generation of the database. Raises OSError."""
    with _draft(folder, GENERATION_FILE, f"{binding} {generation}\n") as draft:
        draft.replace(folder / GENERATION_FILE)


@contextmanager
def _draft(folder: Path, name: str, text: str) -> Iterator[Path]:
    """Write a complete file under another name, so nobody ever reads an incomplete one.

    It is removed at the end. Raises OSError, also if only a part of it fits on the disk.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{name}.{secrets.token_hex(4)}"
    opened = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        try:
            if os.write(opened, text.encode()) < len(text.encode()):
                raise full_disk(folder / name)
            os.fsync(opened)
        finally:
            os.close(opened)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
