"""The operators' list: pages in any order, all rows one by one; changes nothing.

A page of a million rows costs what one of a thousand does: see services.segments. A search looks
at no more than `searching.MOST` people and sorts those.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, load_only

from webapp.database import reading
from webapp.models import User
from webapp.services.house import House
from webapp.services.operators import filtering, searching, segments, standing, wanted
from webapp.services.operators.searching import NOBODY, Found
from webapp.services.operators.standing import State
from webapp.services.operators.walking import Walk
from webapp.services.operators.wanted import Place, Query

PAGE = 50
#: As many rows are read at once when all are wanted.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Row:
    """One connection as the operators' list shows it; no token."""

    display_name: str | None
    open_id: str
    ticket: str
    state: State
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    grant_ending: bool
    scopes: list[str]
    granted_count: int
    asked_count: int
    refreshes: int
    refreshed_at: datetime | None
    last_used_at: datetime | None
    connected_at: datetime
    next_at: datetime | None
    #: Refreshes that failed since the last one that did not, and since when.
    failures: int
    failing_since: datetime | None
    last_error: str | None
    #: Why the person must come back; None while all is well.
    reason: str | None
    #: For the files; no page shows them.
    username: str | None = None
    asked: Sequence[str] = ()


#: What a row is made of; the sealed tokens stay where they are.
_READ = (
    *(User.id, User.display_name, User.username, User.open_id, User.ticket, User.status),
    *(User.access_expires_at, User.refresh_expires_at, User.scope, User.asked_scope),
    *(User.refreshes, User.refreshed_at, User.last_used_at, User.connected_at, User.next_at),
    *(User.failures, User.failing_since, User.last_error, User.reason),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of connections and the places of its neighbours."""

    rows: list[Row]
    #: Give it as `after` for the next page; None on the last.
    next: Place | None
    #: Give it as `before` for the previous page; None on the first.
    previous: Place | None
    #: The search found more people than it looks at, so some may be missing.
    cut: bool = False


def page(house: House, query: Query, now: datetime, *, size: int = PAGE) -> Page:
    """Return one page; a page `before` which not enough is left is the first one."""
    with reading() as session:
        walk, found = _walk_of(session, house, query, now)
        if query.before is not None:
            back = walk.take(query.before, size + 1, backwards=True)
            if len(back) > size:
                places = back[:size][::-1]
                rows = _rows(session, places, now)
                return Page(rows, places[-1], places[0], found.cut)
        after = None if query.before is not None else query.after
        places = walk.take(after, size + 1)
        rows = _rows(session, places[:size], now)
    return Page(
        rows,
        next=places[size - 1] if len(places) > size else None,
        previous=after and (places[0] if places else after),
        cut=found.cut,
    )


def each(house: House, query: Query, now: datetime) -> Iterator[Row]:
    """Yield every row of a query once, in the order of their ids, whatever order it asks for.

    Reads a chunk at a time and holds nothing between two, so that neither the memory nor a
    transaction grows with the list. By ids, because the other values move meanwhile.
    """
    last = 0
    while True:
        with reading() as session:
            users = session.scalars(
                select(User)
                .where(User.id > last, *filtering.by_id(session, house, query, now))
                .order_by(User.id)
                .limit(CHUNK)
                .options(load_only(*_READ))
            ).all()
        yield from (_row(user, now) for user in users)
        if len(users) < CHUNK:
            return
        last = users[-1].id


def matching(
    house: House, query: Query, now: datetime, *, after_id: int, limit: int
) -> list[tuple[int, str]]:
    """Return (id, ticket) of the next rows of a query behind an id, in the order of ids.

    May look at many rows that do not match: for work in the background. A search finds here whom
    it finds on the page.
    """
    with reading() as session:
        found = session.execute(
            select(User.id, User.ticket)
            .where(User.id > after_id, *filtering.by_id(session, house, query, now))
            .order_by(User.id)
            .limit(limit)
        )
        return [(user_id, ticket) for user_id, ticket in found]


def how_many(house: House, query: Query, now: datetime, *, most: int) -> int:
    """Return how many rows match, counted one by one, but no more than `most`."""
    with reading() as session:
        rows = select(User.id).where(*filtering.matches(session, house, query, now)).limit(most)
        return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _walk_of(session: Session, house: House, query: Query, now: datetime) -> tuple[Walk, Found]:
    """Return the rows of a query as stretches: those of the indexes, or those a search found."""
    if not query.search:
        stretches = [each.holds() for each in segments.existing(session, house, query)]
        return Walk(session, stretches, query, now), NOBODY
    found = searching.look(session, house, query.search)
    stretch = [User.id.in_(found.ids), *wanted.conditions(house, query, now)]
    return Walk(session, [stretch] if found.ids else [], query, now), found


def _rows(session: Session, places: Sequence[Place], now: datetime) -> list[Row]:
    """Return the rows at these places in their order; one that went meanwhile is left out."""
    users = session.scalars(
        select(User).where(User.id.in_([place.id for place in places])).options(load_only(*_READ))
    )
    by_id = {user.id: user for user in users}
    return [_row(by_id[place.id], now) for place in places if place.id in by_id]


def _row(user: User, now: datetime) -> Row:
    return Row(
        display_name=user.display_name,
        username=user.username,
        open_id=user.open_id,
        ticket=user.ticket,
        state=standing.of(user, now),
        access_expires_at=user.access_expires_at,
        refresh_expires_at=user.refresh_expires_at,
        grant_ending=user.grant_ending(now),
        scopes=sorted(user.granted),
        granted_count=len(user.granted & user.asked),
        asked=sorted(user.asked),
        asked_count=len(user.asked),
        refreshes=user.refreshes,
        refreshed_at=user.refreshed_at,
        last_used_at=user.last_used_at,
        connected_at=user.connected_at,
        next_at=user.next_at,
        failures=user.failures,
        failing_since=user.failing_since,
        last_error=user.last_error,
        reason=user.reason,
    )
