"""Reads the audit for operators, newest first, a page at a time; changes no event.

Every page reads a bounded number of rows, whatever the table holds. One filter and the dates are
answered by an index in the order of the page. Where further filters are left, they are looked for
among the next `WINDOW` events alone, and the page says how far that was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.orm import aliased

from webapp.actor import KINDS
from webapp.database import reading, writing
from webapp.models import AuditEvent, User
from webapp.services import authority, people
from webapp.services.records import audit
from webapp.services.runtime import Runtime

PAGE = 50
#: How many events one look goes through at most.
WINDOW = 10_000
#: What one look of an export takes.
BATCH = 1000
_LARGEST_ID = 2**63 - 1
_ORDER = (AuditEvent.at, AuditEvent.id)


class Key(NamedTuple):
    """Where an event stands in the order of the page."""

    at: datetime
    id: int


@dataclass(frozen=True)
class AuditQuery:
    """Which events; empty or None: any."""

    since: datetime | None = None
    #: The first moment after them.
    until: datetime | None = None
    #: A kind of actor, else an actor's name: a ticket, a key's name, a command's words.
    who: str = ""
    what: str = ""
    #: A ticket.
    on: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Page:
    """One page of events, newest first, and the keys of its neighbours."""

    events: list[AuditEvent]
    #: Give it as `before` for older ones; None: there are none.
    older: Key | None
    #: Give it as `after` for newer ones; None: there are none.
    newer: Key | None
    #: The look ended here, before the page was full: there may be more beyond.
    looked_to: datetime | None = None


def ticket_of(runtime: Runtime, open_id: str) -> str | None:
    """Return the ticket of whoever has this open_id; None if nobody here has."""
    with reading() as session:
        found = session.scalar(people.by_open_id(runtime, open_id))
    return found.ticket if found else None


class Person(NamedTuple):
    """Whom a ticket belongs to."""

    name: str | None
    #: None: of another app than the one of the settings, whose pages do not show them.
    open_id: str | None


def people_of(runtime: Runtime, tickets: set[str]) -> dict[str, Person]:
    """Return those of the tickets that belong to somebody; the rest are deleted."""
    if not tickets:
        return {}
    query = select(User.ticket, User.display_name, User.open_id, User.client_key)
    with reading() as session:
        rows = session.execute(query.where(User.ticket.in_(tickets))).all()
    ours = runtime.settings.tiktok_client_key
    return {
        row.ticket: Person(row.display_name, row.open_id if row.client_key == ours else None)
        for row in rows
    }


def audit_page(wanted: AuditQuery, *, before: Key | None = None, after: Key | None = None) -> Page:
    """Return up to 50 events: newer than `after`, else older than `before`, else the newest."""
    upwards = after is not None
    found, end = _fetch(wanted, after or before, PAGE + 1, upwards=upwards)
    further = key_of(found[PAGE - 1]) if len(found) > PAGE else end
    found = found[:PAGE]
    looked_to = end.at if end is not None else None
    if after is not None:
        found.reverse()
        older = key_of(found[-1]) if found else Key(after.at, after.id + 1)
        return Page(found, older, further, looked_to)
    newer = None
    if before is not None:
        newer = key_of(found[0]) if found else Key(before.at, before.id - 1)
    return Page(found, further, newer, looked_to)


def all_events(wanted: AuditQuery) -> Iterator[list[AuditEvent]]:
    """Yield all the events in batches, newest first; each batch is a look of its own."""
    at: Key | None = None
    while True:
        found, end = _fetch(wanted, at, BATCH)
        yield found
        if len(found) < BATCH and end is None:
            return
        at = key_of(found[-1]) if len(found) == BATCH else end


def record_export(runtime: Runtime, query: str) -> None:
    """Write down that the audit itself is taken away as a file. Raises NoLongerAllowed."""
    with writing() as session:
        authority.require(session)
        audit.record(session, runtime.clock(), "audit.exported", query=query)


def key_of(event: AuditEvent) -> Key:
    """Return where an event stands."""
    return Key(event.at, event.id)


def _fetch(
    wanted: AuditQuery, at: Key | None, count: int, *, upwards: bool = False
) -> tuple[list[AuditEvent], Key | None]:
    """Return the next events, and where the look ended if it did so before it found enough."""
    driving, rest = _conditions(wanted)
    query: Any = select(AuditEvent).filter_by(**driving).where(*_dates(wanted))
    if at is not None:
        here, there = tuple_(*_ORDER), tuple_(*_bound(at))
        query = query.where(here > there if upwards else here < there)
    query = query.order_by(*(c if upwards else c.desc() for c in _ORDER))
    with reading() as session:
        if not rest:
            return list(session.scalars(query.limit(count))), None
        near = aliased(AuditEvent, query.limit(WINDOW).subquery())
        order = (c if upwards else c.desc() for c in (near.at, near.id))
        found = list(session.scalars(select(near).filter_by(**rest).order_by(*order).limit(count)))
        if len(found) >= count:
            return found, None
        end = session.execute(query.with_only_columns(*_ORDER).offset(WINDOW - 1).limit(1)).first()
    return found, Key(*end) if end else None


def _conditions(wanted: AuditQuery) -> tuple[dict[str, str], dict[str, str]]:
    """Return the filter that an index answers, the narrowest first, and those that are left."""
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


def _bound(at: Key) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return literal(at.at, AuditEvent.at.type), literal(min(at.id, _LARGEST_ID), AuditEvent.id.type)
