"""The recent history of one connection, and the timeline made from it and the audit events.

The history is a text in the person's row: one entry per line, newest first, written by the UPDATE
of the action itself and truncated. So it takes no extra row and needs no cleanup. What must be kept
longer is in the audit. An action that someone requested is in both, and the timeline shows it once:
the history knows how long TikTok took, the audit knows where the request came from.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.actor import Actor
from webapp.models import AuditEvent, User
from webapp.services.records.audit import Field

#: A row keeps this many characters: about twenty entries.
LONGEST = 1200
TIMELINE_LENGTH = 50
#: Word of the history → audit event of the same action.
_TWINS = {
    "refreshed": "connection.refreshed",
    "failed": "connection.refresh_failed",
    "needs_user": "connection.reconnect_required",
    "handed_out": "connection.handed_out",
}
WORD_OF_EVENT = {event: word for word, event in _TWINS.items()}
#: How much later the audit event may be, if an answer waits for the database (store.PATIENCE).
_LATER = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One thing that happened to a connection."""

    #: To the second, if it is an entry of the history.
    at: datetime
    #: refreshed · failed · needs_user · handed_out, or an audit event that has no such word.
    word: str
    #: `worker`, `worker:JOB`, `service:NAME`, `operator:TICKET`, `person`, `command`, …
    who: str
    #: How long TikTok took to answer, in milliseconds; None: it was not asked.
    ms: int | None = None
    #: TikTok's code or ours, and TikTok's log id of the call; empty if there is none.
    code: str = ""
    log_id: str = ""
    #: The audit event's own fields; empty for an entry of the history.
    fields: dict[str, Field] = field(default_factory=dict)


def actor_word(actor: Actor) -> str:
    """Return an actor in one word, without a person's ticket, as the row has it already."""
    if actor.kind in ("service", "operator") or actor.kind == "worker" and actor.name:
        return f"{actor.kind}:{actor.name}"
    return actor.kind


def format_entry(
    now: datetime, word: str, actor: Actor, ms: int | None, code: str, log_id: str
) -> str:
    """Return one entry as it is stored."""
    parts = (str(int(now.timestamp())), word, actor_word(actor), "" if ms is None else str(ms))
    return "|".join(_plain(part) for part in (*parts, code, log_id)) + "\n"


def prepend(text: Any) -> ColumnElement[str]:
    """Return the new value of `User.history`: `text`, a value or a parameter, before the old."""
    return func.substr(
        func.coalesce(text, "") + func.coalesce(User.__table__.c.history, ""), 1, LONGEST
    )


def parse(text: str | None) -> list[TimelineEvent]:
    """Return the entries, newest first, without those that were truncated or cannot be parsed."""
    entries = []
    for each in (text or "").split("\n")[:-1]:
        parts = each.split("|")
        if len(parts) == 6 and parts[0].isdecimal():
            at = datetime.fromtimestamp(int(parts[0]), UTC)
            ms = int(parts[3]) if parts[3].isdecimal() else None
            entries.append(TimelineEvent(at, parts[1], parts[2], ms, parts[4], parts[5]))
    return entries


def _plain(part: str) -> str:
    if part.isprintable() and "|" not in part:
        return part[:80]
    return "".join(c for c in part if c.isprintable() and c != "|")[:80]


def timeline(session: Session, user: User) -> list[TimelineEvent]:
    """Return the newest 50 events of this connection, newest first.

    `user.history` must have been read with the row.
    """
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.ticket == user.ticket)
        .order_by(AuditEvent.id.desc())
        .limit(TIMELINE_LENGTH)
    ).all()
    return merge(parse(user.history), events)


def merge(entries: Sequence[TimelineEvent], events: Sequence[AuditEvent]) -> list[TimelineEvent]:
    """Return both as one list, newest first, with one event for an action that is in both."""
    left = list(reversed(events))
    merged = []
    for entry in reversed(entries):
        twin = next((event for event in left if _is_twin(entry, event)), None)
        if twin is not None:
            left.remove(twin)
        merged.append(entry if twin is None else replace(entry, at=twin.at))
    # Entries of the history come after events of the same second, as their times are truncated.
    found = [*map(from_audit, left), *merged]
    return sorted(reversed(found), key=lambda event: event.at, reverse=True)[:TIMELINE_LENGTH]


def _is_twin(entry: TimelineEvent, event: AuditEvent) -> bool:
    if event.event != _TWINS.get(entry.word) or _actor_of(event) != entry.who:
        return False
    # The history keeps whole seconds.
    return timedelta() <= event.at - entry.at < _LATER


def from_audit(event: AuditEvent) -> TimelineEvent:
    """Return an audit event as a timeline event."""
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
    # The kind was one of actor.KINDS when it was written.
    return actor_word(Actor(event.actor_kind, event.actor))  # type: ignore[arg-type]
