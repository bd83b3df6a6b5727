"""Keyset pagination: reads a query's rows in sort order, forward or backward from any row.

A segment is one (status, reason, scope). There are few, no matter how many rows there are, and each
sort order has an index that starts with the segment's columns. So a page is merged from the first
rows of all segments, and nothing else is sorted or read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    Text,
    bindparam,
    column,
    literal,
    select,
    tuple_,
    union_all,
    values,
)
from sqlalchemy.orm import Session, aliased

from webapp.models import Reason, User
from webapp.services.operators import list_query
from webapp.services.operators.list_query import COLUMNS, Place, Query, Sort
from webapp.services.runtime import Runtime

Conditions = Sequence[ColumnElement[bool]]


def existing_segments(session: Session, runtime: Runtime, query: Query) -> list[Conditions]:
    """Return the segments that may contain rows of this query, by an index skip scan.

    Each is the conditions that select its rows, in index column order.
    """
    statuses = tuple(status.value for status in list_query.statuses(query))
    if not statuses:
        return []
    statement = _segments(statuses, query.reason and query.reason.value)
    return [
        (
            User.client_key == runtime.client_key,
            User.status == status,
            User.reason == reason if reason else User.reason.is_(None),
            User.scope == scope,
        )
        for status, reason, scope in session.execute(statement, {"key": runtime.client_key})
        if query.scope is None or query.scope in scope.split(",")
    ]


@cache
def _segments(statuses: tuple[str, ...], reason: str | None) -> CompoundSelect[Any]:
    """Return the statement that finds segments, cached because building it is slow."""
    reasons = [reason] if reason else [each.value for each in Reason]
    chains = [_chain("ended", [(status, each) for status in statuses for each in reasons])]
    if reason is None:
        chains.append(_chain("running", [(status, "") for status in statuses]))
    return union_all(*(select(chain).where(chain.c.scope.is_not(None)) for chain in chains))


def _chain(name: str, pairs: list[tuple[str, str]]) -> CTE:
    """Return a recursive query for the scopes of these (status, reason): each finds the next one.

    Either every pair has a reason, or none has, and then all reasons are empty.
    """
    columns = (column("status", Text), column("reason", Text))
    at = values(*columns, literal_binds=True).data(pairs).cte(f"{name}_pairs")
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
class KeysetWalk:
    """The rows of a query: first those with a value in the sort column, then those without."""

    session: Session
    #: The conditions of each segment.
    segments: Sequence[Conditions]
    query: Query
    now: datetime

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
        if not self.segments or limit < 1:
            return []
        heads = [self._head(each, valued, descending, start, limit) for each in self.segments]
        parts = [head.subquery() for head in heads]
        merged = union_all(*(select(part.c.id, part.c.value) for part in parts)).subquery()
        first = select(merged.c.value, merged.c.id)
        rows = self.session.execute(
            first.order_by(*_ordered((merged.c.value, merged.c.id), descending)).limit(limit)
        )
        return [Place(value, user_id) for value, user_id in rows]

    def _head(
        self, segment: Conditions, valued: bool, descending: bool, start: Place | None, limit: int
    ) -> Select[Any]:
        value = COLUMNS[self.query.order]
        conditions = [*segment, value.is_not(None) if valued else value.is_(None)]
        if valued and self.query.forced is Sort.EXPIRES:
            # The condition on the state also allows rows without a value, which no index range has.
            conditions.append(value <= self.now + list_query.SOON)
        conditions += list_query.times(self.query, self.now)
        if start is not None:
            conditions.append(_after(value, start, descending))
        # For PostgreSQL, IS NULL is not an equality, so nullable columns are part of the order.
        same = () if self.query.search else (User.reason,)
        by = _ordered((*same, value, User.id), descending)
        return (
            select(User.id.label("id"), value.label("value"))
            .where(*conditions)
            .order_by(*by)
            .limit(limit)
        )


def _after(value: Any, start: Place, descending: bool) -> ColumnElement[bool]:
    if start.value is None:
        return User.id < start.id if descending else User.id > start.id
    here = tuple_(value, User.id)
    there = tuple_(literal(start.value, value.type), literal(start.id))
    return here < there if descending else here > there


def _ordered(columns: Sequence[Any], descending: bool) -> list[Any]:
    return [each.desc() if descending else each.asc() for each in columns]
