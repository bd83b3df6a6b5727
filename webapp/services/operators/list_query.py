"""What an operator asks the list for, as one value, and its conditions; reads no row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from webapp.models import Reason, Status, User
from webapp.services.house import House
from webapp.services.operators import standing
from webapp.services.operators.standing import STATUSES, State


class Sort(StrEnum):
    """What the list can be ordered by; each has an index."""

    EXPIRES = "expires"
    RECONNECT_BY = "reconnect_by"
    REFRESHES = "refreshes"
    LAST_USED = "last_used"
    NEXT = "next"
    #: Nobody chooses it: the filter by the same time brings it along.
    FAILING_SINCE = "failing_since"


COLUMNS: dict[Sort, InstrumentedAttribute[Any]] = {
    Sort.EXPIRES: User.access_expires_at,
    Sort.RECONNECT_BY: User.refresh_expires_at,
    Sort.REFRESHES: User.refreshes,
    Sort.LAST_USED: User.last_used_at,
    Sort.NEXT: User.next_at,
    Sort.FAILING_SINCE: User.failing_since,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in an order: its value there (None comes last) and its id."""

    value: datetime | int | None
    id: int


@dataclass(frozen=True, slots=True)
class Query:
    """Filters that all hold together, an order, and a place in it to go on from."""

    state: State | None = None
    #: A scope that was granted.
    scope: str | None = None
    reason: Reason | None = None
    #: Failing for at least so long.
    failing: timedelta | None = None
    #: To be reconnected within so long.
    within: timedelta | None = None
    #: Words of a name, an open_id or its beginning, or a ticket.
    search: str = ""
    sort: Sort = Sort.EXPIRES
    down: bool = False
    after: Place | None = None
    before: Place | None = None

    @property
    def is_filtered(self) -> bool:
        """Tell whether it asks for less than everything."""
        filters = (self.state, self.scope, self.reason, self.failing, self.within)
        return bool(self.search) or any(each is not None for each in filters)

    @property
    def forced(self) -> Sort | None:
        """Return the order that a filter by a time brings along; None if it can be chosen."""
        if self.failing is not None:
            return Sort.FAILING_SINCE
        if self.within is not None:
            return Sort.RECONNECT_BY
        return Sort.EXPIRES if self.state is State.SOON else None

    @property
    def order(self) -> Sort:
        """Return what the rows come ordered by."""
        return self.forced or self.sort

    @property
    def falling(self) -> bool:
        """Tell whether the largest value comes first; never, where a filter brings the order."""
        return self.down and self.order == self.sort


def statuses(query: Query) -> tuple[Status, ...]:
    """Return the stored words that rows of this query may have."""
    among = STATUSES[query.state] if query.state else tuple(Status)
    if query.failing is not None:
        among = tuple(each for each in among if each is Status.FAILING)
    if query.within is not None:
        among = tuple(each for each in among if each in (Status.ACTIVE, Status.FAILING))
    return among


def times(query: Query, now: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions about times, which no segment of an index settles."""
    found: list[ColumnElement[bool]] = []
    if query.state in (State.HEALTHY, State.SOON):
        found.append(standing.stands(query.state, now, seeks=query.order is Sort.EXPIRES))
    if query.failing is not None:
        found.append(User.failing_since <= now - query.failing)
    if query.within is not None:
        found += [User.refresh_expires_at > now, User.refresh_expires_at <= now + query.within]
    return found


def has_valueless(query: Query) -> bool:
    """Tell whether rows without a value in the order of this query may be among its rows."""
    if query.order in (Sort.FAILING_SINCE, Sort.REFRESHES):
        return False
    return query.within is None and (query.state, query.order) != (State.HEALTHY, Sort.EXPIRES)


def bounds(query: Query, now: datetime) -> list[ColumnElement[bool]]:
    """Return where the values that order this query begin and end, in words for an index."""
    if query.failing is not None:
        return [User.failing_since <= now - query.failing]
    if query.within is not None:
        return [User.refresh_expires_at > now, User.refresh_expires_at <= now + query.within]
    if query.state is State.SOON:
        return [User.access_expires_at <= now + standing.SOON]
    return []


def conditions(house: House, query: Query, now: datetime) -> list[ColumnElement[bool]]:
    """Return what a row must fulfil; all but the search, which needs a look (searching).

    For rows that are found by their ids: no index shall take them up, because SQLite believes
    that few rows have the same app, reads all of them and sorts.
    """
    found = [
        User.client_key + "" == house.settings.tiktok_client_key,
        User.status.in_([status.value for status in statuses(query)]),
        *times(query, now),
    ]
    if query.reason is not None:
        found.append(User.reason == query.reason.value)
    if query.scope is not None:
        found.append(("," + User.scope + ",").contains(f",{query.scope},", autoescape=True))
    return found
