"""The chain of audit events: each one's digest covers it and the digest of the one before.

So a row that was changed, deleted or added behind the app's back breaks the chain, and so does a
missing end: `audit_chain` holds the digest of the newest event and of the last one that was removed
as old (decisions/0030).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from webapp.database import batches, db, is_sqlite, reading, run, table_of
from webapp.models import AuditChain, AuditEvent

#: What a digest covers, in this order, after the digest of the event before.
_COVERED = ("at", "actor_kind", "actor", "address", "reference", "event", "ticket", "fields")
_COLUMNS = (AuditEvent.id, *(getattr(AuditEvent, name) for name in _COVERED), AuditEvent.digest)
# Built once, as almost every change of anything appends an event.
_chain, _events = table_of(AuditChain), table_of(AuditEvent)
_ENDS = select(_chain).with_for_update()
_INSERT = insert(_events)
_MOVE_END = update(_chain).values(newest_digest=bindparam("newest"))
#: Rows that a check reads at a time.
_BATCH = 1000

_CHANGED = "it was changed, or the event before it was deleted or changed"
_ADDED = "it was added without the app"
_REMOVED_BEFORE = "it should have been removed as old, or the start of the chain was changed"
_END_MISSING = "newer events than this were deleted, or the end of the chain was changed"
_NO_ENDS = "the row of audit_chain is missing"


@dataclass(frozen=True)
class Broken:
    """The first link of the chain that doesn't hold."""

    #: The event's id; None if there is no event.
    id: int | None
    at: datetime | None
    cause: str


@dataclass(frozen=True)
class Check:
    """What a check of the chain found."""

    #: Events whose link holds.
    intact: int
    #: Events before the start of the chain, which nothing covers: older than the chain, or from a
    #: clock that was ahead.
    unchained: int
    #: The digest of the newest event; empty if there is none.
    newest: str
    broken: Broken | None


def lock(session: Session) -> Row[Any]:
    """Return the ends of the chain, locked until the transaction ends; created if missing."""
    found = run(session, _ENDS).first()
    if found is None:
        first = {"id": 1, "start_id": 0, "start_digest": "", "newest_digest": ""}
        kind = sqlite if is_sqlite(db.engine.dialect) else postgresql
        # Another transaction may add the row at the same time.
        run(session, kind.insert(_chain).values(first).on_conflict_do_nothing())
        found = run(session, _ENDS).one()
    return found


def append(session: Session, events: Sequence[Mapping[str, Any]]) -> None:
    """Add events to the end of the chain, which no other transaction can until this one ends."""
    digest = lock(session).newest_digest
    linked = []
    for event in events:
        digest = _digest(digest, event)
        linked.append({**event, "digest": digest})
    run(session, _INSERT, linked)
    run(session, _MOVE_END, {"newest": digest})


def start_after(session: Session, event_id: int, digest: str | None) -> None:
    """Let the chain begin after this event, which is removed in the same transaction."""
    if event_id > lock(session).start_id:
        session.execute(update(AuditChain).values(start_id=event_id, start_digest=digest or ""))


def check(now: datetime) -> Check:
    """Compute every link of the chain again, on one state of the database."""
    with reading() as session:
        if not is_sqlite(db.engine.dialect):
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return _check(session, now)


def _check(session: Session, now: datetime) -> Check:
    ends = session.scalar(select(AuditChain))
    start = ends.start_id if ends else 0
    digest, last = ends.start_digest if ends else "", None
    intact = unchained = 0
    fetched = batches(
        select(*_COLUMNS), [AuditEvent.id], _BATCH, lambda q: session.execute(q).all()
    )
    for event in (event for batch in fetched for event in batch):
        cause = None
        if event.id <= start and (event.digest is None or event.at > now):
            unchained += 1
        elif ends is None:
            cause = _NO_ENDS
        elif event.id <= start:
            cause = _REMOVED_BEFORE
        elif event.digest is None:
            cause = _ADDED
        elif event.digest != _digest(digest, event._mapping):
            cause = _CHANGED
        else:
            intact, digest, last = intact + 1, event.digest, event
        if cause:
            return Check(intact, unchained, digest, Broken(event.id, event.at, cause))
    broken = None
    if ends and digest != ends.newest_digest:
        broken = Broken(last.id if last else None, last.at if last else None, _END_MISSING)
    return Check(intact, unchained, digest, broken)


def _digest(before: str, event: Mapping[str, Any]) -> str:
    """Return the digest of an event that comes after the one with the digest `before`."""
    at = event["at"].astimezone(UTC).isoformat(timespec="microseconds")
    covered = [before, at, *(event[name] for name in _COVERED[1:])]
    text = json.dumps(covered, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
