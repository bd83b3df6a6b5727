"""Walks the rows of a query in its order, both ways, from any place; never sorts them all.

Each stretch is a set of conditions under which an index has the rows in order, so a page is the
merge of the heads of all stretches: nothing is sorted but these, and what lies behind them is
not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, tuple_, union_all
from sqlalchemy.orm import Session

from webapp.models import User
from webapp.services.operators import wanted
from webapp.services.operators.wanted import COLUMNS, Place, Query

Stretch = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Walk:
    """The rows of one query: those with a value in its order, then those without, by id."""

    session: Session
    stretches: Sequence[Stretch]
    query: Query
    now: datetime

    def take(self, start: Place | None, most: int, *, backwards: bool = False) -> list[Place]:
        """Return the next `most` rows behind `start`, or before it; without it, from the end."""
        halves = [True, False] if wanted.has_valueless(self.query) else [True]
        if backwards:
            halves.reverse()
        if start is not None:
            halves = (
                halves[halves.index(start.value is not None) :]
                if ((start.value is not None) in halves)
                else []
            )
        found: list[Place] = []
        for valued in halves:
            falling = self.query.falling != backwards
            found += self._half(valued, falling, start, most - len(found))
            start = None
        return found

    def _half(self, valued: bool, falling: bool, start: Place | None, most: int) -> list[Place]:
        """Return the merged heads of all stretches, within the rows with or without a value."""
        if not self.stretches or most < 1:
            return []
        heads = [self._head(each, valued, falling, start, most) for each in self.stretches]
        parts = [head.subquery() for head in heads]
        merged = union_all(*(select(part.c.id, part.c.value) for part in parts)).subquery()
        first = select(merged.c.value, merged.c.id)
        rows = self.session.execute(
            first.order_by(*_turned((merged.c.value, merged.c.id), falling)).limit(most)
        )
        return [Place(value, user_id) for value, user_id in rows]

    def _head(
        self, stretch: Stretch, valued: bool, falling: bool, start: Place | None, most: int
    ) -> Select[Any]:
        value = COLUMNS[self.query.order]
        conditions = [*stretch, value.is_not(None) if valued else value.is_(None)]
        if valued:
            conditions += wanted.bounds(self.query, self.now)
        conditions += wanted.times(self.query, self.now)
        if start is not None:
            conditions.append(_behind(value, start, falling))
        # PostgreSQL takes IS NULL for no equality, so the order names what may be null.
        same = () if self.query.search else (User.reason,)
        by = _turned((*same, value, User.id), falling)
        return (
            select(User.id.label("id"), value.label("value"))
            .where(*conditions)
            .order_by(*by)
            .limit(most)
        )


def _behind(value: Any, start: Place, falling: bool) -> ColumnElement[bool]:
    if start.value is None:
        return User.id < start.id if falling else User.id > start.id
    here = tuple_(value, User.id)
    there = tuple_(literal(start.value, value.type), literal(start.id))
    return here < there if falling else here > there


def _turned(columns: Sequence[Any], falling: bool) -> list[Any]:
    return [each.desc() if falling else each.asc() for each in columns]
