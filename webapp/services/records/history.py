"""The last things that happened to one connection, and the timeline made of them and the audit.

The history is a text in the person's own row: newest first, one entry per line, written by the
UPDATE of the act itself and cut at the end. So it costs no extra row and needs no clean-up. What
must be kept longer is in the audit. The timeline shows each event once, although an act that
somebody asked for is in both: the history knows how long TikTok took, the audit where it came from.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.actor import Actor
from webapp.models import AuditEvent, User
from webapp.services.records.audit import Field

#: A row keeps this many characters: some twenty entries.
LONGEST = 1200


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, to the second."""

    at: datetime
    #: refreshed · failed · needs_user · handed_out
    word: str
    #: `worker`, `service:NAME`, `operator:TICKET`, `person`, `command`, …
    who: str
    #: What TikTok took to answer, in milliseconds; None where it was not asked.
    ms: int | None
    #: TikTok's code or ours, and TikTok's id of the call; empty where there is none.
    code: str
    log_id: str


def actor_word(actor: Actor) -> str:
    """Return an actor in one word; a person's own ticket is the row's, so it is left out."""
    if actor.kind in ("service", "operator"):
        return f"{actor.kind}:{actor.name}"
    return actor.kind


def format_entry(
    now: datetime, word: str, actor: Actor, ms: int | None, code: str, log_id: str
) -> str:
    """Return one entry as it is kept."""
    parts = (str(int(now.timestamp())), word, actor_word(actor), "" if ms is None else str(ms))
    return "|".join(_plain(part) for part in (*parts, code, log_id)) + "\n"


def prepend(text: Any) -> ColumnElement[str]:
    """Return the new value of `User.history`: `text`, a value or a parameter, before the old."""
    return func.substr(
        func.coalesce(text, "") + func.coalesce(User.__table__.c.history, ""), 1, LONGEST
    )


def parse(text: str | None) -> list[Entry]:
    """Return the entries, newest first; what was cut or cannot be read is left out."""
    entries = []
    for each in (text or "").split("\n")[:-1]:
        parts = each.split("|")
        if len(parts) == 6 and parts[0].isdecimal():
            at = datetime.fromtimestamp(int(parts[0]), UTC)
            ms = int(parts[3]) if parts[3].isdecimal() else None
            entries.append(Entry(at, parts[1], parts[2], ms, parts[4], parts[5]))
    return entries


def _plain(part: str) -> str:
    return "".join(c for c in part if c.isprintable() and c != "|")[:80]


TIMELINE_LENGTH = 50
#: By the word of the history, the event of the audit that tells of the same.
_TWINS = {
    "refreshed": "connection.refreshed",
    "failed": "connection.refresh_failed",
    "needs_user": "connection.reconnect_required",
    "handed_out": "connection.handed_out",
}
WORD_OF_EVENT = {event: word for word, event in _TWINS.items()}
#: An answer waits so long for a database that is away (landing.PATIENCE), and is told then.
_LATER = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class TimelineEvent:
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


def timeline(session: Session, user: User) -> list[TimelineEvent]:
    """Return the newest 50 things that happened to this connection, newest first.

    `user.history` must have been read with the row.
    """
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.ticket == user.ticket)
        .order_by(AuditEvent.id.desc())
        .limit(TIMELINE_LENGTH)
    ).all()
    return merge(parse(user.history), events)


def merge(entries: Sequence[Entry], events: Sequence[AuditEvent]) -> list[TimelineEvent]:
    """Return both as one, newest first; where both tell the same, with all that they know."""
    left = list(reversed(events))
    known = []
    for entry in reversed(entries):
        twin = next((event for event in left if _is_twin(entry, event)), None)
        if twin is not None:
            left.remove(twin)
        at = twin.at if twin is not None else entry.at
        known.append(TimelineEvent(at, entry.word, entry.who, entry.ms, entry.code, entry.log_id))
    # In one second the history's come after: its times are cut to that second.
    found = [*map(from_audit, left), *known]
    return sorted(reversed(found), key=lambda happening: happening.at, reverse=True)[
        :TIMELINE_LENGTH
    ]


def _is_twin(entry: Entry, event: AuditEvent) -> bool:
    if event.event != _TWINS.get(entry.word) or _actor_of(event) != entry.who:
        return False
    # The history keeps whole seconds.
    return timedelta() <= event.at - entry.at < _LATER


def from_audit(event: AuditEvent) -> TimelineEvent:
    """Return one event of the audit as a happening."""
    fields = json.loads(event.fields)
    return TimelineEvent(
        at=event.at,
        word=WORD_OF_EVENT.get(event.event, event.event),
        who=_actor_of(event),
        ms=fields.get("ms"),
        code=str(fields.get("code") or ""),
        fields=fields,
    )


def _actor_of(event: AuditEvent) -> str:
    # The kind was one of acting.KINDS when it was written.
    return actor_word(Actor(event.actor_kind, event.actor))  # type: ignore[arg-type]
