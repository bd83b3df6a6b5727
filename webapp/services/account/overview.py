"""What the account pages show a person: their connection, devices and activity."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Integer, bindparam, select, tuple_
from sqlalchemy.orm import Session

from webapp.database import reading
from webapp.models import AuditEvent, PersonRef, User
from webapp.services import people
from webapp.services.connect import sessions
from webapp.services.connect.sessions import Browser
from webapp.services.handout import uses
from webapp.services.handout.uses import Use
from webapp.services.records import history
from webapp.services.records.history import TimelineEvent
from webapp.services.runtime import Runtime

#: How far back the activity goes.
SHOWN = timedelta(days=90)
PAGE_SIZE = 25
#: An export contains at most this many events, the newest, to limit its memory.
MAX_EXPORTED = 10_000
_ORDER = (AuditEvent.at, AuditEvent.id)
# Built once, because building them takes as long as running them.
_NEWEST = (
    select(AuditEvent)
    .where(AuditEvent.ticket == bindparam("the_ticket"), AuditEvent.at >= bindparam("since"))
    .order_by(*(column.desc() for column in _ORDER))
    .limit(bindparam("count", type_=Integer))
)
_OLDER = _NEWEST.where(
    tuple_(*_ORDER)
    < tuple_(
        bindparam("start_at", type_=AuditEvent.at.type),
        bindparam("start_id", type_=AuditEvent.id.type),
    )
)
#: From the row's history come only these words of these actors. The rest is in the audit as well.
_BACKGROUND = ("refreshed", "failed")
_AUTOMATIC_ACTORS = ("worker", "system")


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """One page of a person's activity, newest first."""

    events: list[TimelineEvent]
    #: Pass it as `before` for earlier events; None if there are none.
    older: int | None
    #: This is not the first page.
    further: bool = False


@dataclass(frozen=True)
class Overview:
    """The content of the account page."""

    user: User
    #: The services that were handed the connection's token, the latest first.
    uses: list[Use]
    #: The newest page of activity.
    recent: list[TimelineEvent]
    browsers: list[Browser]


def overview_of(runtime: Runtime, person: PersonRef, secret: str) -> Overview:
    """Return the content of this person's account page on the device with this session secret.

    Raises PersonGone.
    """
    with reading() as session:
        user = people.with_history(session, person)
        recent = _activity_page(session, runtime, user, None, PAGE_SIZE)
        return Overview(
            user=user,
            uses=uses.uses_of(session, user.id),
            recent=recent.events,
            browsers=sessions.of(session, runtime, person, secret, runtime.clock()),
        )


def activity(runtime: Runtime, person: PersonRef, before: int | None) -> ActivityPage:
    """Return a page of activity before the audit event with this ID; without one, the newest.

    Raises PersonGone.
    """
    with reading() as session:
        user = people.with_history(session, person)
        return _activity_page(session, runtime, user, before, PAGE_SIZE)


def shown_period(runtime: Runtime) -> timedelta:
    """Return how far back the activity goes: no further than audit events are kept."""
    return min(SHOWN, timedelta(days=runtime.settings.audit_days))


def browsers(runtime: Runtime, person: PersonRef, secret: str) -> list[Browser]:
    """Return this person's signed-in devices, seen from the one with this session secret.

    Raises PersonGone.
    """
    with reading() as session:
        found = sessions.of(session, runtime, person, secret, runtime.clock())
    if not any(each.this_one for each in found):
        raise people.PersonGone
    return found


def all_events(session: Session, user: User) -> list[dict[str, object]]:
    """Return all stored audit events about a person, for a file; operators stay anonymous."""
    rows = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.ticket == user.ticket)
        .order_by(*(c.desc() for c in _ORDER))
        .limit(MAX_EXPORTED)
    )
    return [_exported(row, user.ticket) for row in rows]


def _activity_page(
    session: Session, runtime: Runtime, user: User, before: int | None, count: int
) -> ActivityPage:
    """Return up to `count` audit events and the history entries between them.

    `user.history` must be loaded. `before` is ignored if it is not the ID of an event of theirs.
    """
    since = runtime.clock() - shown_period(runtime)
    values: dict[str, Any] = {"the_ticket": user.ticket, "since": since, "count": count + 1}
    start = _start(session, user, before)
    if start is not None:
        values |= {"start_at": start.at, "start_id": start.id}
    rows = session.scalars(_NEWEST if start is None else _OLDER, values).all()
    older = rows[count - 1] if len(rows) > count else None
    entries = [
        TimelineEvent(entry.at, entry.word, entry.who)
        for entry in history.parse(user.history)
        if entry.word in _BACKGROUND
        and entry.who.partition(":")[0] in _AUTOMATIC_ACTORS
        and (older.at if older else since) <= entry.at
        and (start is None or entry.at < start.at)
    ]
    events = [*entries, *map(history.from_audit, rows[:count])]
    events.sort(key=lambda event: event.at, reverse=True)
    return ActivityPage(events, older.id if older else None, start is not None)


def _start(session: Session, user: User, before: int | None) -> AuditEvent | None:
    if before is None:
        return None
    return session.scalar(
        select(AuditEvent).where(AuditEvent.id == before, AuditEvent.ticket == user.ticket)
    )


def _exported(event: AuditEvent, ticket: str) -> dict[str, object]:
    fields: dict[str, object] = json.loads(event.fields)
    fields |= {"at": event.at.isoformat(), "what": event.event, "by": event.actor_kind}
    if event.actor_kind == "service":
        fields["by"] = f"service:{event.actor}"
    if event.actor_kind == "person" and event.actor == ticket:
        # Their own address, never anyone else's.
        fields["address"] = event.address
    return fields
