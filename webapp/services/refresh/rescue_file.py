"""The last resort for answers that the database did not accept: sealed lines in a file.

The file never contains a plain token. Replaying it is idempotent: a line is stored only if it is
newer than what its row has. That is also so after a backup was restored, when the file may contain
the only refresh token that still works.
"""

import errno
import fcntl
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from webapp.database import writing
from webapp.models import PersonRef, Status, User
from webapp.services import people
from webapp.services.records import audit
from webapp.services.refresh import schedule
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen
from webapp.tiktok.errors import TikTokError
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)
_ENDED = (Status.REVOKING, Status.REVOKED)
_TIMES = {"access_expires_at", "refresh_expires_at", "refreshed_at"}
#: The keys of every line, and those an answer may have left out.
_ALWAYS = {"user_id", "ticket", "version", "access_token", "access_expires_at", "refreshed_at"}
_MAYBE = {"open_id", "refresh_token", "scope", "refresh_expires_at"}
#: The name of the file until 0.4.0.
_FORMER_NAME = "rescue.jsonl"


@dataclass(frozen=True)
class Replayed:
    """What happened to the lines of the rescue file."""

    stored: int
    #: The row had a newer grant already, or the connection has ended.
    outdated: int
    #: Lines that cannot be parsed, for instance cut off by a full disk.
    unreadable: int
    #: The tickets of the outdated ones.
    dropped: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class _Line:
    """One answer of the file."""

    person: PersonRef
    #: Empty in files of earlier versions.
    open_id: str
    version: int
    columns: dict[str, Any] = field(repr=False)


def append(
    runtime: Runtime, person: PersonRef, open_id: str, version: int, tokens: TokenSet, now: datetime
) -> None:
    """Append one sealed answer to the file and wait until it is on the disk.

    `version` is that of the row for which TikTok was asked. Raises OSError if even that fails.
    """
    values = runtime.vault.columns(open_id, tokens, now)
    row: dict[str, Any] = {"user_id": person.id, "ticket": person.ticket}
    row |= {"open_id": open_id, "version": version}
    line = row | {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }
    path = runtime.rescue_file
    with _locked(path):
        opened = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        before = os.fstat(opened).st_size
        try:
            # Start a new line, in case a crash has cut off the last one.
            written = b"\n" + json.dumps(line).encode() + b"\n"
            if os.write(opened, written) < len(written):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(opened)
        except OSError:
            # Leave no part of a line, and no file that looks as if it held an answer.
            os.ftruncate(opened, before)
            if not before:
                path.unlink()
            raise
        finally:
            os.close(opened)
        # A new file survives a crash only once its folder is on the disk, too.
        _sync(path.parent)


def has_answers(runtime: Runtime) -> bool:
    """Return True if there is anything to replay."""
    return any(path.exists() or any(_moved_files(path)) for path in _paths(runtime))


def replay(runtime: Runtime) -> Replayed:
    """Store the answers of the file and remove it; safe to run twice, or again after a crash.

    The tokens of someone who has disconnected in the meantime are revoked.
    """
    counts: Counter[str] = Counter(stored=0, outdated=0, unreadable=0)
    dropped: list[str] = []
    for path in [moved for each in _paths(runtime) for moved in _files_to_replay(each)]:
        try:
            texts = path.read_bytes().splitlines()
        except FileNotFoundError:
            # Another worker replayed it at the same moment.
            continue
        with writing(durable=True) as session:
            read = [_read(text) for text in filter(None, texts)]
            # People are locked in the order of their ids, as everywhere.
            lines = sorted(filter(None, read), key=lambda line: line.person.id)
            found = Counter(stored=0, outdated=0, unreadable=len(read) - len(lines))
            ended: list[_Line] = []
            for line in lines:
                is_stored = _store(session, line, ended)
                found["stored" if is_stored else "outdated"] += 1
                dropped += [] if is_stored else [line.person.ticket]
            stored, outdated = found["stored"], found["outdated"]
            if stored or outdated:
                audit.record(
                    session, runtime.clock(), "tokens.rescued", stored=stored, outdated=outdated
                )
        counts.update(found)
        for line in ended:
            _revoke(runtime, line)
        path.unlink(missing_ok=True)
    if any(counts.values()):
        log.warning("rescue_replayed", **counts, dropped=dropped)
    return Replayed(**counts, dropped=tuple(dropped))


def _paths(runtime: Runtime) -> tuple[Path, Path]:
    return runtime.rescue_file, runtime.folder / _FORMER_NAME


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


def _read(text: bytes) -> _Line | None:
    try:
        values = json.loads(text)
        for name in _TIMES & values.keys():
            values[name] = datetime.fromisoformat(values[name])
        whole = values.keys() - _MAYBE == _ALWAYS
        counted = isinstance(values["user_id"], int) and isinstance(values["version"], int)
        named = isinstance(values["ticket"], str)
        aware = all(values[name].tzinfo for name in _TIMES & values.keys())
        if not (whole and counted and named and aware):
            return None
        person = PersonRef(values.pop("user_id"), values.pop("ticket"))
        return _Line(person, str(values.pop("open_id", "")), values.pop("version"), values)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _store(session: Session, line: _Line, ended: list[_Line]) -> bool:
    """Store a line if it is newer than its row; add it to `ended` if the connection has ended."""
    user = people.locked(session, line.person)
    if user is None or user.access_token is None or user.status in _ENDED:
        ended.append(line)
        return False
    if not _is_newer(line, user):
        return False
    # After a restored backup the row's version is lower than the one that was refreshed.
    user.version = version = max(user.version, line.version)
    session.flush()
    values = dict(line.columns)
    values["next_at"] = schedule.next_refresh_at(
        values["refreshed_at"], values["access_expires_at"]
    )
    return people.store_grant(session, line.person, version, values)


def _is_newer(line: _Line, user: User) -> bool:
    received_at: datetime = line.columns["refreshed_at"]
    if user.connected_at > received_at:
        return False
    return line.version >= user.version or received_at > (user.refreshed_at or user.connected_at)


def _revoke(runtime: Runtime, line: _Line) -> None:
    """End the grant of a line that no row takes, so it isn't left active at TikTok."""
    ticket = line.person.ticket
    try:
        sealed = str(line.columns["access_token"])
        runtime.provider.revoke(runtime.vault.access_token(line.open_id, sealed))
    except (TikTokError, CannotOpen) as error:
        log.warning("rescued_not_revoked", ticket=ticket, error=type(error).__name__)
    else:
        log.info("rescued_revoked", ticket=ticket)
