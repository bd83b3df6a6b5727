"""What happened to one connection, from its own history and the audit, each thing told once.

What somebody asked for stands in both: the history knows how long TikTok took, the audit who from.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.acting import Actor
from webapp.models import AuditEvent, User
from webapp.services.records import history
from webapp.services.records.audit import Field
from webapp.services.records.history import Entry

MOST = 50
#: By the word of the history, the event of the audit that tells of the same.
_TWINS = {
    "refreshed": "connection.refreshed",
    "failed": "connection.refresh_failed",
    "needs_user": "connection.reconnect_required",
    "handed_out": "connection.handed_out",
}
WORDS = {event: word for word, event in _TWINS.items()}
#: An answer waits so long for a database that is away (landing.PATIENCE), and is told then.
_LATER = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a connection."""

    at: datetime
    #: A word of the history, or an event of the audit that the history does not know.
    word: str
    #: As `history.who` says it.
    who: str
    ms: int | None = None
    code: str = ""
    log_id: str = ""
    #: The audit event's own fields.
    fields: dict[str, Field] = field(default_factory=dict)


def of(session: Session, user: User) -> list[Happening]:
    """Return the newest 50 things that happened to this connection, newest first.

    `user.history` must have been read with the row.
    """
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.ticket == user.ticket)
        .order_by(AuditEvent.id.desc())
        .limit(MOST)
    ).all()
    return merged(history.read(user.history), events)


def merged(entries: Sequence[Entry], events: Sequence[AuditEvent]) -> list[Happening]:
    """Return both as one, newest first; where both tell the same, with all that they know."""
    left = list(reversed(events))
    known = []
    for entry in reversed(entries):
        twin = next((event for event in left if _is_twin(entry, event)), None)
        if twin is not None:
            left.remove(twin)
        at = twin.at if twin is not None else entry.at
        known.append(Happening(at, entry.word, entry.who, entry.ms, entry.code, entry.log_id))
    # In one second the history's come after: its times are cut to that second.
    found = [*map(told, left), *known]
    return sorted(reversed(found), key=lambda happening: happening.at, reverse=True)[:MOST]


def _is_twin(entry: Entry, event: AuditEvent) -> bool:
    if event.event != _TWINS.get(entry.word) or _who(event) != entry.who:
        return False
    # The history keeps whole seconds.
    return timedelta() <= event.at - entry.at < _LATER


def told(event: AuditEvent) -> Happening:
    """Return one event of the audit as a happening."""
    fields = json.loads(event.fields)
    return Happening(
        at=event.at,
        word=WORDS.get(event.event, event.event),
        who=_who(event),
        ms=fields.get("ms"),
        code=str(fields.get("code") or ""),
        fields=fields,
    )


def _who(event: AuditEvent) -> str:
    # The kind was one of acting.KINDS when it was written.
    return history.who(Actor(event.actor_kind, event.actor))  # type: ignore[arg-type]
