"""The segments of the list's indexes: finds those that exist by leaps; never counts or sorts.

A segment is one (status, reason, scope). Few exist, whatever the number of rows, and within each
an index holds the rows in any order of the list (services.walking).
"""

from dataclasses import dataclass

from sqlalchemy import (
    CTE,
    ColumnElement,
    ScalarSelect,
    Text,
    column,
    select,
    union_all,
    values,
)
from sqlalchemy.orm import Session, aliased

from webapp.models import Reason, User
from webapp.services import wanted
from webapp.services.house import House
from webapp.services.wanted import Query


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
    statuses = [status.value for status in wanted.statuses(query)]
    if not statuses:
        return []
    key = house.settings.tiktok_client_key
    reasons = [query.reason.value] if query.reason else [reason.value for reason in Reason]
    chains = [_chain(key, "ended", [(status, each) for status in statuses for each in reasons])]
    if query.reason is None:
        chains.append(_chain(key, "running", [(status, "") for status in statuses]))
    rows = session.execute(
        union_all(*(select(chain).where(chain.c.scope.is_not(None)) for chain in chains))
    )
    found = [Segment(key, status, reason or None, scope) for status, reason, scope in rows]
    return [each for each in found if query.scope is None or query.scope in each.scope.split(",")]


def _chain(client_key: str, name: str, pairs: list[tuple[str, str]]) -> CTE:
    """Return every scope of these (status, reason): each one found from the one before.

    Either all pairs have a reason, or none has: then it is empty.
    """
    columns = (column("status", Text), column("reason", Text))
    at = values(*columns, literal_binds=True).data(pairs).cte(f"{name}_pairs")
    without = not pairs[0][1]
    first = _next_scope(client_key, at.c.status, None if without else at.c.reason)
    chain = select(at.c.status, at.c.reason, first.label("scope")).cte(name, recursive=True)
    following = _next_scope(
        client_key, chain.c.status, None if without else chain.c.reason, chain.c.scope
    )
    return chain.union_all(
        select(chain.c.status, chain.c.reason, following).where(chain.c.scope.is_not(None))
    )


def _next_scope(
    client_key: str,
    status: ColumnElement[str],
    reason: ColumnElement[str] | None,
    last: ColumnElement[str] | None = None,
) -> ScalarSelect[str]:
    each = aliased(User)
    found = select(each.scope).where(each.client_key == client_key, each.status == status)
    found = found.where(each.reason.is_(None) if reason is None else each.reason == reason)
    if last is not None:
        found = found.where(each.scope > last)
    return found.order_by(each.reason, each.scope).limit(1).scalar_subquery()
