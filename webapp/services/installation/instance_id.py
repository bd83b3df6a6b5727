"""This installation's own files: its id, and how far its database had come; they hold no secret.

They lie beside an SQLite database, else in `instance/`, and are never copied by a backup of the
database alone. That is how a copy and a restored backup are told from the original.
"""

import os
import secrets
from pathlib import Path

from webapp.settings import Settings

#: Two lines: the id, and the folder it was made in. A copied folder says another place.
ID_FILE = "instance-id"
#: One line: which binding, and the highest generation that was seen of it.
GENERATION_FILE = "generation"


def current(settings: Settings, folder: Path) -> str | None:
    """Return INSTANCE_ID, else the id in the folder; None if none was made yet."""
    return settings.instance_id or next(iter(_lines(folder / ID_FILE)), None)


def copied_from(settings: Settings, folder: Path) -> str | None:
    """Return the folder that this one is a copy of; None if it is none or INSTANCE_ID is set."""
    lines = _lines(folder / ID_FILE)
    if settings.instance_id or len(lines) < 2 or lines[1] == str(folder.resolve()):
        return None
    return lines[1]


def ensure(settings: Settings, folder: Path) -> str:
    """Return the id, making one if there is none; of several processes all get the same.

    Raises OSError if the folder takes no file.
    """
    found = current(settings, folder)
    if found is not None:
        return found
    draft = _draft(folder, ID_FILE, f"{secrets.token_hex(8)}\n{folder.resolve()}\n")
    try:
        os.link(draft, folder / ID_FILE)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return _lines(folder / ID_FILE)[0]


def renew(settings: Settings, folder: Path) -> str:
    """Put a new id in place of one that came here with a copied folder. Raises OSError."""
    if copied_from(settings, folder) is not None:
        (folder / ID_FILE).unlink()
    return ensure(settings, folder)


def recorded_generation(folder: Path, binding: str) -> int:
    """Return the highest generation that was noted here for this binding; 0: none."""
    words = " ".join(_lines(folder / GENERATION_FILE)).split()
    if len(words) != 2 or words[0] != binding or not words[1].isdecimal():
        return 0
    return int(words[1])


def record_generation(folder: Path, binding: str, generation: int) -> None:
    """Write down how far the database has come. Raises OSError."""
    _draft(folder, GENERATION_FILE, f"{binding} {generation}\n").replace(folder / GENERATION_FILE)


def _draft(folder: Path, name: str, text: str) -> Path:
    """Write a whole file under another name, so that nobody ever reads half of one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{name}.{secrets.token_hex(4)}"
    opened = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(opened, text.encode())
        os.fsync(opened)
    finally:
        os.close(opened)
    return draft


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
