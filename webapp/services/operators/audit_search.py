"""Searches the audit log for operators, newest first, one page at a time.

Every page reads a limited number of rows, however many there are. An index answers one filter and
the dates in the order of the page. Further filters are applied only to the next `WINDOW` events,
and the page says how far the search went.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.orm import aliased

from webapp import search_words
from webapp.actor import KINDS
from webapp.database import reading, writing
from webapp.models import AuditEvent, User
from webapp.services import authority
from webapp.services.operators import list_search
from webapp.services.records import audit
from webapp.services.runtime import Runtime

PAGE = 50
#: How many people with the same name are offered to choose from.
MATCHES = 10
#: One query searches at most this many events.
WINDOW = 10_000
#: Events that an export reads with one query.
BATCH = 1000
_MAX_ID = 2**63 - 1
_ORDER = (AuditEvent.at, AuditEvent.id)


class Key(NamedTuple):
    """The position of an event in the order of the page."""

    at: datetime
    id: int


@dataclass(frozen=True)
class AuditQuery:
    """Filters that all apply; empty or None: any."""

    since: datetime | None = None
    #: Exclusive.
    until: datetime | None = None
    #: A kind of actor, or an actor's name: a ticket, a key's name, the words of a command.
    who: str = ""
    what: str = ""
    #: A ticket.
    on: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Page:
    """One page of events, newest first, and the keys of its neighbors."""

    events: list[AuditEvent]
    #: Pass it as `before` for older events; None if there are none.
    older: Key | None
    #: Pass it as `after` for newer events; None if there are none.
    newer: Key | None
    #: The search ended here before the page was full: there may be more beyond.
    looked_to: datetime | None = None


class Person(NamedTuple):
    """The person with a ticket."""

    name: str | None
    #: None: they connected with another TikTok app than that of the settings.
    open_id: str | None


def people_of(runtime: Runtime, tickets: set[str]) -> dict[str, Person]:
    """Return the person of each ticket; those of deleted people are missing."""
    if not tickets:
        return {}
    query = select(User.ticket, User.display_name, User.open_id, User.client_key)
    with reading() as session:
        rows = session.execute(query.where(User.ticket.in_(tickets))).all()
    ours = runtime.client_key
    return {
        row.ticket: Person(row.display_name, row.open_id if row.client_key == ours else None)
        for row in rows
    }


class Match(NamedTuple):
    """A person with a name that was searched for."""

    ticket: str
    name: str | None


def is_actor(name: str) -> bool:
    """Return True if anyone of this name did something: a key, a command or a ticket."""
    with reading() as session:
        found = select(AuditEvent.id).where(AuditEvent.actor == name).limit(1)
        return session.scalar(found) is not None


def people_named(runtime: Runtime, text: str) -> list[Match]:
    """Return up to `MATCHES` people who are found by this text, operators first.

    If some have exactly this name, return only these.
    """
    query = select(User.ticket, User.display_name)
    order = (User.operator_since.is_(None), User.display_name, User.id)
    with reading() as session:
        ids = list_search.search(session, runtime, text).ids
        rows = session.execute(query.where(User.id.in_(ids)).order_by(*order)).all()
    words = search_words.typed(text)
    exact = [row for row in rows if search_words.typed(row.display_name or "") == words]
    return [Match(*row) for row in (exact or rows)[:MATCHES]]


def audit_page(wanted: AuditQuery, *, before: Key | None = None, after: Key | None = None) -> Page:
    """Return up to 50 events: newer than `after`, else older than `before`, else the newest."""
    forward = after is not None
    found, end = _fetch(wanted, after or before, PAGE + 1, forward=forward)
    following = key_of(found[PAGE - 1]) if len(found) > PAGE else end
    found = found[:PAGE]
    looked_to = end.at if end is not None else None
    if after is not None:
        found.reverse()
        older = key_of(found[-1]) if found else Key(after.at, after.id + 1)
        return Page(found, older, following, looked_to)
    newer = None
    if before is not None:
        newer = key_of(found[0]) if found else Key(before.at, before.id - 1)
    return Page(found, following, newer, looked_to)


def all_events(wanted: AuditQuery) -> Iterator[list[AuditEvent]]:
    """Yield all events in batches, newest first; each batch is read in its own transaction."""
    at: Key | None = None
    while True:
        found, end = _fetch(wanted, at, BATCH)
        yield found
        if len(found) < BATCH and end is None:
            return
        at = key_of(found[-1]) if len(found) == BATCH else end


def record_export(runtime: Runtime, query: str) -> None:
    """Record an export of the audit log. Raises NoLongerAllowed, SignInTooOld."""
    with writing() as session:
        now = runtime.clock()
        authority.require_fresh(session, now)
        audit.record(session, now, "audit.exported", query=query)


def key_of(event: AuditEvent) -> Key:
    """Return the position of an event."""
    return Key(event.at, event.id)


def _fetch(
    wanted: AuditQuery, at: Key | None, count: int, *, forward: bool = False
) -> tuple[list[AuditEvent], Key | None]:
    """Return the next events, and where the search ended if it didn't find `count`."""
    indexed, rest = _conditions(wanted)
    query: Any = select(AuditEvent).filter_by(**indexed).where(*_dates(wanted))
    if at is not None:
        place = (at.at, min(at.id, _MAX_ID))
        here, there = tuple_(*_ORDER), tuple_(*map(literal, place, (c.type for c in _ORDER)))
        query = query.where(here > there if forward else here < there)
    query = query.order_by(*(c if forward else c.desc() for c in _ORDER))
    with reading() as session:
        if not rest:
            return list(session.scalars(query.limit(count))), None
        window = aliased(AuditEvent, query.limit(WINDOW).subquery())
        order = (c if forward else c.desc() for c in (window.at, window.id))
        matching = select(window).filter_by(**rest).order_by(*order).limit(count)
        found = list(session.scalars(matching))
        if len(found) >= count:
            return found, None
        end = session.execute(query.with_only_columns(*_ORDER).offset(WINDOW - 1).limit(1)).first()
    return found, Key(*end) if end else None


def _conditions(wanted: AuditQuery) -> tuple[dict[str, str], dict[str, str]]:
    """Return the most selective filter, which an index answers, and the other filters."""
    kind = wanted.who in KINDS
    found = [
        (column, value)
        for column, value in (
            ("reference", wanted.reference),
            ("ticket", wanted.on),
            ("actor", "" if kind else wanted.who),
            ("event", wanted.what),
            ("actor_kind", wanted.who if kind else ""),
        )
        if value
    ]
    return dict(found[:1]), dict(found[1:])


def _dates(wanted: AuditQuery) -> list[ColumnElement[bool]]:
    dates = []
    if wanted.since is not None:
        dates.append(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        dates.append(AuditEvent.at < wanted.until)
    return dates
