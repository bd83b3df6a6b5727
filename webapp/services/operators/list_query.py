"""Queries of the operators' list: states, filters, order and place, and their query string.

Every row is in exactly one state. Unreadable parts of a query string are reported, not guessed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, func, or_
from sqlalchemy.orm import InstrumentedAttribute

from webapp.database import UtcDateTime
from webapp.models import Reason, Status, User
from webapp.models.user import GRANT_ENDING
from webapp.services import people
from webapp.services.runtime import Runtime

#: A worker that keeps up refreshes earlier, after three quarters of a token's life.
SOON = timedelta(minutes=30)
#: Of a connection that ends within this time, the row and the page say so.
ENDING = GRANT_ENDING
#: A time, or a parameter for one.
Moment = datetime | BindParameter[datetime]


class State(StrEnum):
    """The state of a connection in the operators' list."""

    HEALTHY = "healthy"
    #: Its access token expires within half an hour, or has expired.
    SOON = "soon"
    FAILING = "failing"
    RECONNECT = "reconnect"
    REVOKED = "revoked"


STATUSES: Mapping[State, tuple[Status, ...]] = {
    State.HEALTHY: (Status.ACTIVE,),
    State.SOON: (Status.ACTIVE,),
    State.FAILING: (Status.FAILING,),
    State.RECONNECT: (Status.RECONNECT,),
    State.REVOKED: (Status.REVOKING, Status.REVOKED),
}


def state_of(user: User, now: datetime) -> State:
    """Return the state of a connection."""
    if user.status == Status.ACTIVE:
        ends = user.access_expires_at
        return State.HEALTHY if ends is not None and ends > now + SOON else State.SOON
    return next(state for state, among in STATUSES.items() if user.status in among)


def in_state(state: State, soon: Moment, *, seeks: bool = True) -> ColumnElement[bool]:
    """Return the condition for rows in this state; the same states as in `state_of`.

    `soon`: the current time plus SOON. `seeks`: the database may find the time in an index.
    Otherwise it follows another order.
    """
    among = User.status.in_([status.value for status in STATUSES[state]])
    ends: ColumnElement[Any] = User.access_expires_at.expression
    if not seeks:
        # An expression without an index. Otherwise SQLite reads this range and sorts it.
        ends = func.coalesce(ends, ends)
    if state is State.HEALTHY:
        return and_(among, ends > soon)
    if state is State.SOON:
        return and_(among, or_(ends <= soon, ends.is_(None)))
    return among


class Sort(StrEnum):
    """The orders of the list; each is that of an index."""

    #: By state, the most urgent first (services.operators.list_attention).
    ATTENTION = "attention"
    EXPIRES = "expires"
    RECONNECT_BY = "reconnect_by"
    REFRESHES = "refreshes"
    LAST_USED = "last_used"
    NEXT = "next"
    #: Can't be chosen: the `failing` filter implies it.
    FAILING_SINCE = "failing_since"


COLUMNS: dict[Sort, InstrumentedAttribute[Any]] = {
    #: Within a state.
    Sort.ATTENTION: User.access_expires_at,
    Sort.EXPIRES: User.access_expires_at,
    Sort.RECONNECT_BY: User.refresh_expires_at,
    Sort.REFRESHES: User.refreshes,
    Sort.LAST_USED: User.last_used_at,
    Sort.NEXT: User.next_at,
    Sort.FAILING_SINCE: User.failing_since,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in an order: its value in the sort column (None comes last) and its ID."""

    value: datetime | int | None
    id: int
    #: The rank of its state; None unless the order is by state.
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Filters that all apply, an order, and the place in it where a page begins or ends."""

    state: State | None = None
    #: A granted scope.
    scope: str | None = None
    reason: Reason | None = None
    #: Failing for at least this long.
    failing: timedelta | None = None
    #: The grant expires within this time.
    within: timedelta | None = None
    #: Only grants that don't end within ENDING; no part of an address.
    lasting: bool = False
    #: Words of a name, an open_id or its beginning, or a ticket or half of it.
    search: str = ""
    sort: Sort = Sort.ATTENTION
    down: bool = False
    after: Place | None = None
    before: Place | None = None

    @property
    def is_filtered(self) -> bool:
        """True if it has any filter."""
        filters = (self.state, self.scope, self.reason, self.failing, self.within)
        return bool(self.search) or any(each is not None for each in filters)

    @property
    def forced(self) -> Sort | None:
        """The order that a filter by time implies; None if the order can be chosen."""
        if self.failing is not None:
            return Sort.FAILING_SINCE
        if self.within is not None:
            return Sort.RECONNECT_BY
        return Sort.EXPIRES if self.state is State.SOON else None

    @property
    def order(self) -> Sort:
        """The order of the rows; those of one state are all equally urgent."""
        chosen = Sort.EXPIRES if self.state and self.sort is Sort.ATTENTION else self.sort
        return self.forced or chosen

    @property
    def descending(self) -> bool:
        """True if the largest value comes first; never if a filter by time implies the order."""
        return self.down and self.forced in (None, self.sort)


def statuses(query: Query) -> tuple[Status, ...]:
    """Return the stored statuses that rows of this query may have."""
    among = STATUSES[query.state] if query.state else tuple(Status)
    if query.failing is not None:
        among = tuple(each for each in among if each is Status.FAILING)
    if query.within is not None:
        among = tuple(each for each in among if each in (Status.ACTIVE, Status.FAILING))
    return among


def moments(query: Query, now: datetime) -> dict[str, datetime]:
    """Return the times that `times` compares with, by name."""
    return {
        "now": now,
        "soon": now + SOON,
        "failing_before": now - (query.failing or timedelta()),
        "ends_before": now + (query.within or timedelta()),
        "ending": now + ENDING,
    }


#: The same as parameters of a statement that is built once.
MOMENTS = {
    name: bindparam(name, type_=UtcDateTime())
    for name in ("now", "soon", "failing_before", "ends_before", "ending")
}


def times(query: Query, moments: Mapping[str, Moment]) -> list[ColumnElement[bool]]:
    """Return the conditions on times, which the segments of an index don't cover."""
    found: list[ColumnElement[bool]] = []
    if query.state in (State.HEALTHY, State.SOON):
        found.append(in_state(query.state, moments["soon"], seeks=query.order is Sort.EXPIRES))
    if query.failing is not None:
        found.append(User.failing_since <= moments["failing_before"])
    if query.within is not None:
        ends = User.refresh_expires_at
        found += [ends > moments["now"], ends <= moments["ends_before"]]
    if query.lasting:
        # An expression without an index, as the rows are read in another order.
        over = func.coalesce(User.refresh_expires_at, User.refresh_expires_at)
        found.append(or_(over.is_(None), over <= moments["now"], over > moments["ending"]))
    return found


def has_valueless(query: Query) -> bool:
    """Return True if this query may have rows without a value in its sort column."""
    if query.order in (Sort.FAILING_SINCE, Sort.REFRESHES):
        return False
    return query.within is None and (query.state, query.order) != (State.HEALTHY, Sort.EXPIRES)


def conditions(runtime: Runtime, query: Query, now: datetime) -> list[ColumnElement[bool]]:
    """Return all conditions of the rows of a query except its search.

    For rows that are found by their IDs. The client key is compared in a form that no index can
    use, because SQLite assumes that few rows have the same one, and would read and sort all.
    """
    found = [
        User.client_key + "" == runtime.client_key,
        User.status.in_([status.value for status in statuses(query)]),
        *times(query, moments(query, now)),
    ]
    if query.reason is not None:
        found.append(User.reason == query.reason.value)
    if query.scope is not None:
        found.append(("," + User.scope + ",").contains(f",{query.scope},", autoescape=True))
    return found


FAILING_FOR = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}
WITHIN = {f"{days}d": timedelta(days=days) for days in (1, 7, 14, 30, 90)}
SORTS = tuple(sort for sort in Sort if sort is not Sort.FAILING_SINCE)
MAX_SEARCH = 100
_SCOPE = re.compile(r"[a-z0-9._]{1,60}")
_MOMENT = "%Y%m%dT%H%M%S.%fZ"
_PLACE = re.compile(
    r"(?:(?P<rank>[0-5])!)?(?P<value>-|\d{1,9}|\d{8}T\d{6}\.\d{6}Z)~(?P<id>\d{1,9})"
)


class Unreadable(Exception):
    """The value of a parameter is not valid."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query, and the names of the parameters that were ignored."""

    query: Query
    ignored: tuple[str, ...]


def parse_pairs(pairs: Iterable[tuple[str, str]]) -> ParsedQuery:
    """Return the query of URL parameters; the first of two with the same name applies."""
    values: dict[str, Any] = {}
    ignored: list[str] = []
    places: dict[str, str] = {}
    for name, text in pairs:
        if not text.strip():
            continue
        if name in ("after", "before") and name not in places:
            places[name] = text
            continue
        try:
            found = _READERS[name](text) if name in _READERS else {}
        except (Unreadable, ValueError, KeyError):
            found = {}
        if found and not found.keys() & values.keys():
            values |= found
        else:
            ignored.append(name)
    query = Query(**values)
    for name, text in places.items():
        place = _place(query, text)
        if place is None or query.after is not None:
            ignored.append(name)
        else:
            query = replace(query, after=place) if name == "after" else replace(query, before=place)
    return ParsedQuery(query, tuple(dict.fromkeys(ignored)))


def parse_string(text: str) -> Query:
    """Return the query of a query string; unreadable parts are ignored."""
    try:
        pairs = parse_qsl(text, max_num_fields=20)
    except ValueError:
        return Query()
    return replace(parse_pairs(pairs).query, after=None, before=None)


def query_string(query: Query) -> str:
    """Return the canonical query string of filters and order, without the place."""
    return urlencode(query_pairs(replace(query, after=None, before=None)))


def without_search(text: str) -> str:
    """Return a query string without what was searched for, which may be a person's name."""
    return query_string(replace(parse_string(text), search=""))


def for_audit(text: str) -> str:
    """Return a query string for the audit: that something was searched for, but not what.

    Events are never changed, so a name in one would outlive the account of its person.
    """
    searched = [("q", "*")] if parse_string(text).search else []
    return urlencode([*searched, *query_pairs(parse_string(without_search(text)))], safe="*")


def query_pairs(query: Query) -> list[tuple[str, str]]:
    """Return the parameters of a query in a fixed order, without default values."""
    found = {
        "q": query.search,
        "status": query.state,
        "scope": query.scope,
        "reason": query.reason,
        "failing": _name(FAILING_FOR, query.failing),
        "within": _name(WITHIN, query.within),
        "sort": None if (query.sort, query.down) == (Sort.ATTENTION, False) else _sort_text(query),
        "after": query.after and _place_text(query.after),
        "before": query.before and _place_text(query.before),
    }
    return [(name, str(value)) for name, value in found.items() if value]


def _sort_text(query: Query) -> str:
    return f"-{query.sort}" if query.down else str(query.sort)


def _name(names: dict[str, timedelta], value: timedelta | None) -> str | None:
    return next((name for name, each in names.items() if each == value), None)


def _search(text: str) -> dict[str, Any]:
    # What can't be read is kept: it finds nobody. Without it, the list would show everybody.
    return {"search": people.clean_name(text) or text}


def _scope(text: str) -> dict[str, Any]:
    if not _SCOPE.fullmatch(text):
        raise Unreadable
    return {"scope": text}


def _sort(text: str) -> dict[str, Any]:
    sort = Sort(text.removeprefix("-"))
    if sort not in SORTS:
        raise Unreadable
    return {"sort": sort, "down": text.startswith("-")}


_READERS = {
    "q": _search,
    "status": lambda text: {"state": State(text)},
    "scope": _scope,
    "reason": lambda text: {"reason": Reason(text)},
    "failing": lambda text: {"failing": FAILING_FOR[text]},
    "within": lambda text: {"within": WITHIN[text]},
    "sort": _sort,
}


def _place_text(place: Place) -> str:
    value = place.value
    rank = "" if place.rank is None else f"{place.rank}!"
    if isinstance(value, datetime):
        return f"{rank}{value.astimezone(UTC).strftime(_MOMENT)}~{place.id}"
    return f"{rank}{'-' if value is None else value}~{place.id}"


def _place(query: Query, text: str) -> Place | None:
    """Return a place, if it is valid in the order of this query."""
    found = _PLACE.fullmatch(text) if text.isascii() else None
    if found is None or (found["rank"] is not None) != (query.order is Sort.ATTENTION):
        return None
    rank = None if found["rank"] is None else int(found["rank"])
    value, user_id = found["value"], int(found["id"])
    if value == "-":
        return Place(None, user_id, rank)
    if value.isdigit() != (query.order is Sort.REFRESHES):
        return None
    if value.isdigit():
        return Place(int(value), user_id)
    try:
        moment = datetime.strptime(value, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Place(moment, user_id, rank)
