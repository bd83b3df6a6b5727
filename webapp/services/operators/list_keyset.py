"""Keyset pagination: reads a query's rows in sort order, forward or backward from any row.

A segment is one (status, reason, scope). There are few, no matter how many rows there are, and each
sort order has an index that starts with the segment's columns. So a page is merged from the first
rows of all segments, and nothing else is sorted or read.

Building such a statement takes ten times as long as running it, so each is built only once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Integer,
    ScalarSelect,
    Select,
    Text,
    bindparam,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from webapp.models import Reason, User
from webapp.services.operators import list_query
from webapp.services.operators.list_query import COLUMNS, Place, Query, Sort
from webapp.services.runtime import Runtime

Conditions = Sequence[ColumnElement[bool]]


class Segment(NamedTuple):
    """The values that all rows of a segment have in the first columns of an index."""

    status: str
    reason: str | None
    scope: str


def existing_segments(session: Session, runtime: Runtime, query: Query) -> list[Segment]:
    """Return the segments that may contain rows of this query, by an index skip scan.

    Those with a reason come first.
    """
    statuses = tuple(status.value for status in list_query.statuses(query))
    if not statuses:
        return []
    statement = _segments(statuses, query.reason and query.reason.value)
    rows = session.connection().execute(statement, {"key": runtime.client_key})
    found = [
        Segment(status, reason or None, scope)
        for status, reason, scope in rows
        if query.scope is None or query.scope in scope.split(",")
    ]
    return sorted(found, key=lambda each: each.reason is None)


@lru_cache(maxsize=64)
def _segments(statuses: tuple[str, ...], reason: str | None) -> CompoundSelect[Any]:
    """Return the statement that finds segments."""
    reasons = [reason] if reason else [each.value for each in Reason]
    chains = [_chain("ended", [(status, each) for status in statuses for each in reasons])]
    if reason is None:
        chains.append(_chain("running", [(status, "") for status in statuses]))
    return union_all(*(select(chain).where(chain.c.scope.is_not(None)) for chain in chains))


def _chain(name: str, pairs: list[tuple[str, str]]) -> CTE:
    """Return a recursive query for the scopes of these (status, reason): each finds the next one.

    Either every pair has a reason, or none has, and then all reasons are empty.
    """
    # VALUES would be shorter, but SQLAlchemy compiles it again for every execution.
    at = union_all(
        *(
            select(literal(status, Text).label("status"), literal(reason, Text).label("reason"))
            for status, reason in pairs
        )
    ).cte(f"{name}_pairs")
    without = not pairs[0][1]
    first = _next_scope(at.c.status, None if without else at.c.reason)
    chain = select(at.c.status, at.c.reason, first.label("scope")).cte(name, recursive=True)
    following = _next_scope(chain.c.status, None if without else chain.c.reason, chain.c.scope)
    return chain.union_all(
        select(chain.c.status, chain.c.reason, following).where(chain.c.scope.is_not(None))
    )


def _next_scope(
    status: ColumnElement[str],
    reason: ColumnElement[str] | None,
    last: ColumnElement[str] | None = None,
) -> ScalarSelect[str]:
    each = aliased(User)
    found = select(each.scope).where(each.client_key == bindparam("key"), each.status == status)
    found = found.where(each.reason.is_(None) if reason is None else each.reason == reason)
    if last is not None:
        found = found.where(each.scope > last)
    return found.order_by(each.reason, each.scope).limit(1).scalar_subquery()


@dataclass(frozen=True, slots=True)
class _Half:
    """What a statement depends on besides its parameters: one half of a query's rows."""

    #: The query without its places and without what the segments are chosen by.
    query: Query
    #: The rows with a value in the sort column, or those without.
    valued: bool
    descending: bool
    #: It begins after a row.
    has_start: bool


@dataclass(frozen=True, slots=True)
class KeysetWalk:
    """The rows of a query: first those with a value in the sort column, then those without."""

    session: Session
    client_key: str
    segments: Sequence[Segment]
    query: Query
    now: datetime
    #: The conditions of the rows that a search found, in place of segments.
    found: Conditions | None = None

    def take(self, start: Place | None, limit: int, *, backwards: bool = False) -> list[Place]:
        """Return up to `limit` rows after `start`, or before it if `backwards`.

        Without `start`, begin at the first row, or at the last one if `backwards`.
        """
        halves = [True, False] if list_query.has_valueless(self.query) else [True]
        if backwards:
            halves.reverse()
        if start is not None:
            first = start.value is not None
            halves = halves[halves.index(first) :] if first in halves else []
        found: list[Place] = []
        for valued in halves:
            descending = self.query.descending != backwards
            found += self._half(valued, descending, start, limit - len(found))
            start = None
        return found

    def _half(self, valued: bool, descending: bool, start: Place | None, limit: int) -> list[Place]:
        """Merge the first rows of all segments: either the rows with a value or those without."""
        if limit < 1 or not (self.segments or self.found):
            return []
        query = replace(self.query, scope=None, reason=None, after=None, before=None)
        half = _Half(query, valued, descending, start is not None)
        if self.found:
            statement = _merged([self.found], half)
        else:
            reasons = sum(segment.reason is not None for segment in self.segments)
            statement = _first_rows(reasons, len(self.segments) - reasons, half)
        rows = self.session.connection().execute(statement, self._values(start, limit))
        return [Place(value, user_id) for value, user_id in rows]

    def _values(self, start: Place | None, limit: int) -> Mapping[str, Any]:
        """Return the parameters of a statement."""
        values: dict[str, Any] = {"key": self.client_key, "limit": limit}
        values |= list_query.moments(self.query, self.now)
        for number, segment in enumerate(self.segments):
            values |= {f"s{number}_{name}": value for name, value in segment._asdict().items()}
        if start is not None:
            values |= {"start_value": start.value, "start_id": start.id}
        return values


@lru_cache(maxsize=128)
def _first_rows(with_reason: int, without: int, half: _Half) -> Select[Any]:
    """Return the statement for this many segments, first those with a reason."""
    numbers = range(with_reason + without)
    return _merged([_segment(number, number < with_reason) for number in numbers], half)


def _segment(number: int, has_reason: bool) -> Conditions:
    """Return the conditions that select the rows of a segment, in index column order."""
    reason = User.reason == bindparam(f"s{number}_reason") if has_reason else User.reason.is_(None)
    return (
        User.client_key == bindparam("key"),
        User.status == bindparam(f"s{number}_status"),
        reason,
        User.scope == bindparam(f"s{number}_scope"),
    )


def _merged(sources: Sequence[Conditions], half: _Half) -> Select[Any]:
    """Return the statement that merges the first rows of all sources."""
    parts = [_head(source, half).subquery() for source in sources]
    merged = union_all(*(select(part.c.id, part.c.value) for part in parts)).subquery()
    by = _ordered((merged.c.value, merged.c.id), half.descending)
    return select(merged.c.value, merged.c.id).order_by(*by).limit(_LIMIT)


def _head(source: Conditions, half: _Half) -> Select[Any]:
    value, query = COLUMNS[half.query.order], half.query
    conditions = [*source, value.is_not(None) if half.valued else value.is_(None)]
    if half.valued and query.forced is Sort.EXPIRES:
        # The condition on the state also allows rows without a value, which no index range has.
        conditions.append(value <= list_query.MOMENTS["soon"])
    conditions += list_query.times(query, list_query.MOMENTS)
    if half.has_start:
        conditions.append(_after_start(value, half))
    # For PostgreSQL, IS NULL is not an equality, so nullable columns are part of the order.
    same = () if query.search else (User.reason,)
    by = _ordered((*same, value, User.id), half.descending)
    return (
        select(User.id.label("id"), value.label("value"))
        .where(*conditions)
        .order_by(*by)
        .limit(_LIMIT)
    )


_LIMIT = bindparam("limit", type_=Integer)


def _after_start(value: Any, half: _Half) -> ColumnElement[bool]:
    user_id = bindparam("start_id", type_=Integer)
    if not half.valued:
        return User.id < user_id if half.descending else User.id > user_id
    here = tuple_(value, User.id)
    there = tuple_(bindparam("start_value", type_=value.type), user_id)
    return here < there if half.descending else here > there


def _ordered(columns: Sequence[Any], descending: bool) -> list[Any]:
    return [each.desc() if descending else each.asc() for each in columns]
