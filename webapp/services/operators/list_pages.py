"""The operators' list: pages in any order, a search, and all rows one by one.

A page of a million rows costs what a page of a thousand does: see `list_keyset`. A search reads at
most MAX_FOUND people and sorts those.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session, load_only

from webapp.database import reading
from webapp.models import NameWord, User
from webapp.services import people
from webapp.services.operators import list_keyset, list_query
from webapp.services.operators.list_keyset import KeysetWalk
from webapp.services.operators.list_query import Place, Query, State
from webapp.services.runtime import Runtime

#: So many people are looked at for one search; the page says so when there are more.
MAX_FOUND = 500
#: Comes after every letter, in byte order.
_LAST = "\U0010ffff"
#: What a person may have learnt of their ticket: `ct_` and eight letters, in two halves.
_TICKET = re.compile(r"ct_[0-9a-z-]+")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Whom a search has found, before any filter."""

    ids: frozenset[int]
    #: There were more than `MOST`, so some are missing.
    cut: bool


NO_MATCH = SearchResult(frozenset(), cut=False)


def search(session: Session, runtime: Runtime, asked: str) -> SearchResult:
    """Return who has this ticket, an open_id that begins so, or a name with all these words."""
    asked = asked.strip()
    by_ticket = set[int]()
    if _TICKET.fullmatch(asked.casefold()):
        ticket = f"ct_{asked[3:].upper()}"
        by_ticket = set(session.scalars(select(User.id).where(User.ticket == ticket)))
    by_open_id = _most(
        session.scalars(
            select(User.id)
            .where(
                User.client_key == runtime.settings.tiktok_client_key,
                User.open_id >= asked,
                User.open_id < asked + _LAST,
            )
            .order_by(User.open_id)
            .limit(MAX_FOUND + 1)
        )
    )
    by_name = _named(session, people.search_words(asked))
    ids = by_ticket | by_open_id.ids | by_name.ids
    cut = by_open_id.cut or by_name.cut or len(ids) > MAX_FOUND
    return SearchResult(frozenset(sorted(ids)[:MAX_FOUND]), cut)


def _named(session: Session, asked: list[str]) -> SearchResult:
    """Return whose names have every word, or one that begins so.

    As soon as one of the words finds few enough, whoever has them all is among those.
    """
    looks = [_most(session.scalars(_beginning(word))) for word in asked]
    if not looks:
        return NO_MATCH
    whole = [each.ids for each in looks if not each.cut]
    if not whole:
        first = min(looks, key=lambda each: len(each.ids))
        return SearchResult(_among(session, first.ids, asked), cut=True)
    return SearchResult(_among(session, min(whole, key=len), asked), cut=False)


def _beginning(word: str) -> Select[int]:
    return (
        select(NameWord.user_id)
        .where(NameWord.word >= word, NameWord.word < word + _LAST)
        .order_by(NameWord.word, NameWord.user_id)
        .limit(MAX_FOUND + 1)
    )


def _among(session: Session, ids: frozenset[int], asked: list[str]) -> frozenset[int]:
    """Return those of these people whose names have every word."""
    if len(asked) == 1:
        return ids
    held: dict[int, list[str]] = {}
    for row in session.execute(
        select(NameWord.user_id, NameWord.word).where(NameWord.user_id.in_(ids))
    ):
        held.setdefault(row.user_id, []).append(row.word)

    def has(theirs: list[str], word: str) -> bool:
        return any(each.startswith(word) for each in theirs)

    return frozenset(one for one, theirs in held.items() if all(has(theirs, w) for w in asked))


def _most(found: Iterable[int]) -> SearchResult:
    ids = list(found)
    return SearchResult(frozenset(ids[:MAX_FOUND]), cut=len(ids) > MAX_FOUND)


def matches(
    session: Session, runtime: Runtime, query: Query, now: datetime
) -> list[ColumnElement[bool]]:
    """Return all that a row of a query must fulfil; a search by those whom it finds."""
    found = list_query.conditions(runtime, query, now)
    if query.search:
        found.append(User.id.in_(search(session, runtime, query.search).ids))
    return found


def by_id(
    session: Session, runtime: Runtime, query: Query, now: datetime
) -> list[ColumnElement[bool]]:
    """Return what `matches` does, so that a database goes through the ids and sorts nothing.

    SQLite would take the index of the states, and sort all that match for each chunk of them.
    """
    found = matches(session, runtime, query, now)
    return found if query.search else [case((and_(*found), 1), else_=0) == 1]


PAGE_SIZE = 50
#: As many rows are read at once when all are wanted.
CHUNK_SIZE = 500


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


def list_page(runtime: Runtime, query: Query, now: datetime, *, size: int = PAGE_SIZE) -> Page:
    """Return one page; a page `before` which not enough is left is the first one."""
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
        previous=after and (places[0] if places else after),
        cut=found.cut,
    )


def each_row(runtime: Runtime, query: Query, now: datetime) -> Iterator[Row]:
    """Yield every row of a query once, in the order of their ids, whatever order it asks for.

    Reads a chunk at a time and holds nothing between two, so that neither the memory nor a
    transaction grows with the list. By ids, because the other values move meanwhile.
    """
    last = 0
    while True:
        with reading() as session:
            users = session.scalars(
                select(User)
                .where(User.id > last, *by_id(session, runtime, query, now))
                .order_by(User.id)
                .limit(CHUNK_SIZE)
                .options(load_only(*_READ))
            ).all()
        yield from (_row(user, now) for user in users)
        if len(users) < CHUNK_SIZE:
            return
        last = users[-1].id


def matching(
    runtime: Runtime, query: Query, now: datetime, *, after_id: int, limit: int
) -> list[tuple[int, str]]:
    """Return (id, ticket) of the next rows of a query behind an id, in the order of ids.

    May look at many rows that do not match: for work in the background. A search finds here whom
    it finds on the page.
    """
    with reading() as session:
        found = session.execute(
            select(User.id, User.ticket)
            .where(User.id > after_id, *by_id(session, runtime, query, now))
            .order_by(User.id)
            .limit(limit)
        )
        return [(user_id, ticket) for user_id, ticket in found]


def count_matching(runtime: Runtime, query: Query, now: datetime, *, most: int) -> int:
    """Return how many rows match, counted one by one, but no more than `most`."""
    with reading() as session:
        rows = select(User.id).where(*matches(session, runtime, query, now)).limit(most)
        return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _walk_of(
    session: Session, runtime: Runtime, query: Query, now: datetime
) -> tuple[KeysetWalk, SearchResult]:
    """Return the rows of a query as stretches: those of the indexes, or those a search found."""
    if not query.search:
        stretches = [
            each.holds() for each in list_keyset.existing_segments(session, runtime, query)
        ]
        return KeysetWalk(session, stretches, query, now), NO_MATCH
    found = search(session, runtime, query.search)
    stretch = [User.id.in_(found.ids), *list_query.conditions(runtime, query, now)]
    return KeysetWalk(session, [stretch] if found.ids else [], query, now), found


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
        state=list_query.state_of(user, now),
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
