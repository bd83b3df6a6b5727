"""The last resort for answers that the database did not take: sealed lines in a file of their own.

Never holds a plain token. Replaying is idempotent: a line is stored only while its version holds.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from webapp.database import writing
from webapp.services import guarded, schedule
from webapp.services.claims import Claim
from webapp.services.house import House
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)
_TIMES = ("access_expires_at", "refresh_expires_at", "refreshed_at")


@dataclass(frozen=True)
class Replayed:
    """What became of the lines of the rescue file."""

    stored: int
    #: A newer grant was there already: the line is of no use any more.
    outdated: int
    #: Lines that are no lines of ours, for instance cut off by a full disk.
    unreadable: int


def append(house: House, claim: Claim, tokens: TokenSet, now: datetime) -> None:
    """Put one sealed answer at the end of the file and wait until it is on the disk.

    Raises OSError if even that cannot be done.
    """
    values = house.vault.columns(claim.open_id, tokens, now)
    row = {"user_id": claim.user_id, "ticket": claim.ticket, "version": claim.version}
    line = row | {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }
    path = house.rescue_file
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        os.write(opened, json.dumps(line).encode() + b"\n")
        os.fsync(opened)
    finally:
        os.close(opened)


def replay(house: House) -> Replayed:
    """Store what the file holds and remove it; safe to run twice, or after a crash in between."""
    counts = {"stored": 0, "outdated": 0, "unreadable": 0}
    for path in _taken(house.rescue_file):
        with writing(durable=True) as session:
            for line in path.read_bytes().splitlines():
                values = _read(line)
                if values is None:
                    counts["unreadable"] += 1
                    continue
                counts["stored" if _store(session, values) else "outdated"] += 1
        path.unlink()
    replayed = Replayed(**counts)
    if any(counts.values()):
        log.warning("rescue_replayed", **counts)
    return replayed


def _taken(path: Path) -> Iterator[Path]:
    """Yield the files to replay: left ones of a crash first, then today's, moved aside.

    Moved, so that an answer that is rescued meanwhile goes into a new file and is not removed.
    """
    if path.exists():
        aside = path.with_name(f"{path.name}.{os.getpid()}.{int(path.stat().st_mtime_ns)}")
        path.rename(aside)
    yield from sorted(path.parent.glob(f"{path.name}.*"))


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
        for name in _TIMES:
            if values.get(name):
                values[name] = datetime.fromisoformat(values[name])
        if not isinstance(values["user_id"], int) or not isinstance(values["version"], int):
            return None
        if not isinstance(values["ticket"], str):
            return None
        return dict(values)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _store(session: Session, values: dict[str, Any]) -> bool:
    user_id, ticket, version = (values.pop(name) for name in ("user_id", "ticket", "version"))
    values["next_at"] = schedule.next_refresh_at(
        values["refreshed_at"], values["access_expires_at"]
    )
    return guarded.store(session, user_id, ticket, version, values)
