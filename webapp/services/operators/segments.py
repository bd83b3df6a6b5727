"""The segments of the list's indexes: finds those that exist by leaps; never counts or sorts.

A segment is one (status, reason, scope). Few exist, whatever the number of rows, and within each
an index holds the rows in any order of the list (services.walking).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Text,
    bindparam,
    column,
    select,
    union_all,
    values,
)
from sqlalchemy.orm import Session, aliased

from webapp.models import Reason, User
from webapp.services.house import House
from webapp.services.operators import wanted
from webapp.services.operators.wanted import Query


@dataclass(frozen=True, slots=True)
class Segment:
    """What the rows of one stretch of an index have in common."""

    client_key: str
    status: str
    reason: str | None
    scope: str

    def holds(self) -> list[ColumnElement[bool]]:
        """Return the conditions of its rows, in the order of the index."""
        return [
            User.client_key == self.client_key,
            User.status == self.status,
            User.reason.is_(None) if self.reason is None else User.reason == self.reason,
            User.scope == self.scope,
        ]


def existing(session: Session, house: House, query: Query) -> list[Segment]:
    """Return the segments in which rows of this query may be, by leaps through an index."""
    statuses = tuple(status.value for status in wanted.statuses(query))
    if not statuses:
        return []
    key = house.settings.tiktok_client_key
    rows = session.execute(_look(statuses, query.reason and query.reason.value), {"key": key})
    found = [Segment(key, status, reason or None, scope) for status, reason, scope in rows]
    return [each for each in found if query.scope is None or query.scope in each.scope.split(",")]


@cache
def _look(statuses: tuple[str, ...], reason: str | None) -> CompoundSelect[Any]:
    """Return the statement for these words; there are few, and building one takes a while."""
    reasons = [reason] if reason else [each.value for each in Reason]
    chains = [_chain("ended", [(status, each) for status in statuses for each in reasons])]
    if reason is None:
        chains.append(_chain("running", [(status, "") for status in statuses]))
    return union_all(*(select(chain).where(chain.c.scope.is_not(None)) for chain in chains))


def _chain(name: str, pairs: list[tuple[str, str]]) -> CTE:
    """Return every scope of these (status, reason): each one found from the one before.

    Either all pairs have a reason, or none has: then it is empty.
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
