"""What the account page shows a person: their connection, browsers and recent activity."""

import json
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import literal, select, tuple_
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

#: How far people can look back.
SHOWN = timedelta(days=90)
PAGE_SIZE = 25
#: How many events people take away at most, the newest; a bound for the memory it takes.
MAX_EXPORTED = 10_000
_ORDER = (AuditEvent.at, AuditEvent.id)
_TYPES = (AuditEvent.at.type, AuditEvent.id.type)
#: Who acts without being asked. What anybody else did is in the audit, and is told from there.
_BY_ITSELF = ("worker", "system")
_BACKGROUND = ("refreshed", "failed")


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Some of what happened, newest first."""

    happenings: list[TimelineEvent]
    #: Give it as `before` for what happened earlier; None: nothing did.
    older: int | None
    #: This is not the first page.
    further: bool = False


def shown_period(runtime: Runtime) -> timedelta:
    """Return how far people can look back here: never further than events are kept."""
    return min(SHOWN, timedelta(days=runtime.settings.audit_days))


def activity_page(
    session: Session,
    runtime: Runtime,
    user: User,
    before: int | None = None,
    count: int = PAGE_SIZE,
) -> ActivityPage:
    """Return what happened before the event of this id; the newest if they have no such event.

    `user.history` must have been read with the row.
    """
    since = runtime.clock() - shown_period(runtime)
    query = select(AuditEvent).where(AuditEvent.ticket == user.ticket, AuditEvent.at >= since)
    start = _start(session, user, before)
    if start is not None:
        query = query.where(tuple_(*_ORDER) < tuple_(*map(literal, (start.at, start.id), _TYPES)))
    events = session.scalars(query.order_by(*(c.desc() for c in _ORDER)).limit(count + 1)).all()
    older = events[count - 1] if len(events) > count else None
    entries = [
        TimelineEvent(entry.at, entry.word, entry.who)
        for entry in history.parse(user.history)
        if entry.word in _BACKGROUND
        and entry.who in _BY_ITSELF
        and (older.at if older else since) <= entry.at
        and (start is None or entry.at < start.at)
    ]
    found = [*entries, *map(history.from_audit, events[:count])]
    found.sort(key=lambda happening: happening.at, reverse=True)
    return ActivityPage(found, older.id if older else None, start is not None)


def all_events(session: Session, user: User) -> list[dict[str, object]]:
    """Return all that is kept of what happened, for a file; of operators only that it was one."""
    rows = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.ticket == user.ticket)
        .order_by(*(c.desc() for c in _ORDER))
        .limit(MAX_EXPORTED)
    )
    return [_exported(row, user.ticket) for row in rows]


def _start(session: Session, user: User, before: int | None) -> AuditEvent | None:
    if before is None:
        return None
    return session.scalar(
        select(AuditEvent).where(AuditEvent.id == before, AuditEvent.ticket == user.ticket)
    )


def _exported(event: AuditEvent, ticket: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(event.fields)
    told |= {"at": event.at.isoformat(), "what": event.event, "by": event.actor_kind}
    if event.actor_kind == "service":
        told["by"] = f"service:{event.actor}"
    if event.actor_kind == "person" and event.actor == ticket:
        # Where they were themselves.
        told["address"] = event.address
    return told


#: How many things that happened the account page shows.
RECENT = 5


@dataclass(frozen=True)
class Overview:
    """One person's row, and what goes with it."""

    user: User
    #: The service that was handed the connection last; None: none ever was.
    last_use: Use | None
    recent: list[TimelineEvent]
    browsers: list[Browser]


def overview_of(runtime: Runtime, person: PersonRef, secret: str) -> Overview:
    """Return what stands on the account page of this person, seen from the browser of this secret.

    Raises PersonGone.
    """
    with reading() as session:
        user = people.with_history(session, person)
        recent = activity_page(session, runtime, user, count=RECENT)
        return Overview(
            user=user,
            last_use=next(iter(uses.uses_of(session, user.id, most=1)), None),
            recent=recent.happenings[:RECENT],
            browsers=sessions.of(session, runtime, person, secret, runtime.clock()),
        )


def activity(runtime: Runtime, person: PersonRef, before: int | None) -> ActivityPage:
    """Return a page of what happened. Raises PersonGone."""
    with reading() as session:
        user = people.with_history(session, person)
        return activity_page(session, runtime, user, before)


def browsers(runtime: Runtime, person: PersonRef, secret: str) -> list[Browser]:
    """Return where this person is signed in, seen from the browser of this secret.

    Raises PersonGone.
    """
    with reading() as session:
        found = sessions.of(session, runtime, person, secret, runtime.clock())
    if not any(each.this_one for each in found):
        raise people.PersonGone
    return found
