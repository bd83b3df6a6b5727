"""The last resort for answers that the database did not accept: sealed lines in a file.

The file never contains a plain token. Replaying it is idempotent: a line is stored only while its
row still has the same version.
"""

import errno
import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from webapp.database import writing
from webapp.models import PersonRef
from webapp.services import people
from webapp.services.records import audit
from webapp.services.refresh import schedule
from webapp.services.refresh.claims import Claim
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)
_TIMES = {"access_expires_at", "refresh_expires_at", "refreshed_at"}
#: The keys of every line, and those an answer may have left out.
_ALWAYS = {"user_id", "ticket", "version", "access_token", "access_expires_at", "refreshed_at"}
_MAYBE = {"refresh_token", "scope", "refresh_expires_at"}


@dataclass(frozen=True)
class Replayed:
    """What happened to the lines of the rescue file."""

    stored: int
    #: The row had a newer grant already, so the line is obsolete.
    outdated: int
    #: Lines that cannot be parsed, for instance cut off by a full disk.
    unreadable: int


def append(runtime: Runtime, claim: Claim, tokens: TokenSet, now: datetime) -> None:
    """Append one sealed answer to the file and wait until it is on the disk.

    Raises OSError if even that fails.
    """
    values = runtime.vault.columns(claim.user.open_id, tokens, now)
    row: dict[str, Any] = {"user_id": claim.user.id, "ticket": claim.user.ticket}
    row["version"] = claim.user.version
    line = row | {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }
    path = runtime.rescue_file
    with _locked(path):
        opened = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            # Start a new line, in case a crash or a full disk has cut off the last one.
            written = b"\n" + json.dumps(line).encode() + b"\n"
            if os.write(opened, written) < len(written):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(opened)
        finally:
            os.close(opened)
        # A new file survives a crash only once its folder is on the disk, too.
        _sync(path.parent)


def has_answers(runtime: Runtime) -> bool:
    """Return True if there is anything to replay."""
    path = runtime.rescue_file
    return path.exists() or any(_moved_files(path))


def replay(runtime: Runtime) -> Replayed:
    """Store the answers of the file and remove it; safe to run twice, or again after a crash."""
    counts: Counter[str] = Counter(stored=0, outdated=0, unreadable=0)
    for path in _files_to_replay(runtime.rescue_file):
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            # Another worker replayed it at the same moment.
            continue
        with writing(durable=True) as session:
            read = [_read(line) for line in filter(None, lines)]
            whole = [values for values in read if values is not None]
            # People are locked in the order of their ids, as everywhere.
            whole.sort(key=lambda values: int(values["user_id"]))
            found = Counter("stored" if _store(session, v) else "outdated" for v in whole)
            found["unreadable"] = len(read) - len(whole)
            stored, outdated = found["stored"], found["outdated"]
            if stored or outdated:
                audit.record(
                    session, runtime.clock(), "tokens.rescued", stored=stored, outdated=outdated
                )
        counts.update(found)
        path.unlink(missing_ok=True)
    replayed = Replayed(**counts)
    if any(counts.values()):
        log.warning("rescue_replayed", **counts)
    return replayed


def _files_to_replay(path: Path) -> Iterator[Path]:
    """Yield the files to replay: those left by a crash, then the current one, moved aside.

    It is moved so an answer that is rescued meanwhile goes into a new file and is not removed.
    """
    if path.exists():
        with _locked(path), suppress(FileNotFoundError):
            path.rename(path.with_name(f"{path.name}.{os.getpid()}.{time.time_ns()}"))
    yield from sorted(_moved_files(path))


def _moved_files(path: Path) -> Iterator[Path]:
    return path.parent.glob(f"{path.name}.*.*")


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing or moving the file: no line may go into a moved one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = os.open(path.with_name(f"{path.stem}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
        for name in _TIMES & values.keys():
            values[name] = datetime.fromisoformat(values[name])
        whole = values.keys() - _MAYBE == _ALWAYS
        counted = isinstance(values["user_id"], int) and isinstance(values["version"], int)
        named = isinstance(values["ticket"], str)
        aware = all(values[name].tzinfo for name in _TIMES & values.keys())
        return dict(values) if whole and counted and named and aware else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _store(session: Session, values: dict[str, Any]) -> bool:
    user_id, ticket, version = (values.pop(name) for name in ("user_id", "ticket", "version"))
    values["next_at"] = schedule.next_refresh_at(
        values["refreshed_at"], values["access_expires_at"]
    )
    return people.store_grant(session, PersonRef(user_id, ticket), version, values)
