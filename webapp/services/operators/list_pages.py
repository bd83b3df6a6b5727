"""The operators' list: pages in any order, and all rows one by one.

A page costs the same for a million rows as for a thousand (see `list_keyset`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, case, func, select
from sqlalchemy.orm import Session, load_only

from webapp.database import batches, reading
from webapp.models import User
from webapp.services.operators import list_keyset, list_query, list_search
from webapp.services.operators.list_attention import AttentionWalk
from webapp.services.operators.list_keyset import KeysetWalk
from webapp.services.operators.list_query import Place, Query, Sort, State
from webapp.services.runtime import Runtime

PAGE_SIZE = 50
#: Rows read with one query if all are wanted.
CHUNK_SIZE = 500
#: The columns that the page shows.
_SHOWN = (
    *(User.id, User.display_name, User.open_id, User.ticket, User.status, User.scope),
    *(User.asked_scope, User.access_expires_at, User.refresh_expires_at, User.last_used_at),
    *(User.next_at, User.failures, User.last_error, User.reason),
)
#: The columns of an exported row, without the encrypted tokens.
_EXPORTED = (
    *(*_SHOWN, User.username, User.refreshes),
    *(User.refreshed_at, User.connected_at, User.failing_since),
)
_BY_IDS = (
    select(User).where(User.id.in_(bindparam("ids", expanding=True))).options(load_only(*_SHOWN))
)


@dataclass(frozen=True, slots=True)
class Row:
    """One connection as the operators' list shows it."""

    #: Detached, and read without the tokens; on a page, only with what it shows.
    user: User
    state: State
    grant_ending: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page of connections and the places of its neighbors."""

    rows: list[Row]
    #: Pass it as `after` for the next page; None on the last.
    next: Place | None
    #: Pass it as `before` for the previous page; None on the first.
    previous: Place | None
    #: The search found more people than list_search.MAX_FOUND, so some may be missing.
    cut: bool = False


def matches(
    session: Session, runtime: Runtime, query: Query, now: datetime
) -> list[ColumnElement[bool]]:
    """Return the conditions of the rows of a query, including the people its search finds."""
    found = list_query.conditions(runtime, query, now)
    if query.search:
        found.append(User.id.in_(list_search.search(session, runtime, query.search).ids))
    return found


def _in_order_of_id(conditions: list[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    return [case((and_(*conditions), 1), else_=0) == 1]


def list_page(runtime: Runtime, query: Query, now: datetime, *, size: int = PAGE_SIZE) -> Page:
    """Return one page. If less than a page is left before `query.before`, return the first one."""
    with reading() as session:
        walk, found = _walk_of(session, runtime, query, now)
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
        previous=after and (places[0] if places else _just_behind(after, query)),
        cut=found.cut,
    )


def _just_behind(place: Place, query: Query) -> Place:
    """Return the place right after another one, so a page before it ends with that row.

    The page after a row may be empty by now, while the row is still there.
    """
    return replace(place, id=place.id - 1 if query.descending else place.id + 1)


def each_row(runtime: Runtime, query: Query, now: datetime) -> Iterator[Row]:
    """Yield every row of a query once, in the order of IDs, because other values may change.

    A search yields everyone it finds, also those for whom a page has no room. Neither memory nor a
    transaction grows with the list.
    """
    # With a bound on the ID, SQLite uses the primary key from the first chunk on.
    conditions = [User.id > 0, *_in_order_of_id(list_query.conditions(runtime, query, now))]
    if query.search:
        conditions.append(list_search.condition(runtime, query.search))
    found = select(User).where(*conditions).options(load_only(*_EXPORTED))
    for users in batches(found, [User.id], CHUNK_SIZE):
        yield from (_row(user, now) for user in users)


def first_rows(conditions: Sequence[ColumnElement[bool]], now: datetime, count: int) -> list[Row]:
    """Return the first rows that meet these conditions, in the order of IDs."""
    found = select(User).where(*conditions).order_by(User.id).limit(count)
    with reading() as session:
        users = session.scalars(found.options(load_only(*_SHOWN))).all()
    return [_row(user, now) for user in users]


def count_matching(runtime: Runtime, query: Query, now: datetime, *, limit: int) -> int:
    """Return how many rows match, but no more than `limit`."""
    with reading() as session:
        rows = select(User.id).where(*matches(session, runtime, query, now)).limit(limit)
        return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _walk_of(
    session: Session, runtime: Runtime, query: Query, now: datetime
) -> tuple[KeysetWalk | AttentionWalk, list_search.SearchResult]:
    """Return the walk over the segments of a query, or over the people that its search found."""
    walk = AttentionWalk if query.order is Sort.ATTENTION else KeysetWalk
    if not query.search:
        segments = list_keyset.existing_segments(session, runtime, query)
        return walk(session, runtime.client_key, segments, query, now), list_search.NO_MATCH
    found = list_search.search(session, runtime, query.search)
    rows = [User.id.in_(found.ids), *list_query.conditions(runtime, query, now)]
    return walk(session, runtime.client_key, [], query, now, rows if found.ids else None), found


def _rows(session: Session, places: Sequence[Place], now: datetime) -> list[Row]:
    """Return the rows at these places in their order, without those deleted in the meantime."""
    users = session.scalars(_BY_IDS, {"ids": [place.id for place in places]})
    by_id = {user.id: user for user in users}
    return [_row(by_id[place.id], now) for place in places if place.id in by_id]


def _row(user: User, now: datetime) -> Row:
    return Row(user, list_query.state_of(user, now), user.grant_ending(now))
