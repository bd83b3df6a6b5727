"""Counts all connections by kind, by the hour their access ends and the week their grant does."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, case, func, select
from sqlalchemy.orm import Session

from webapp.models import Status, User
from webapp.services.house import House
from webapp.services.operators.standing import SOON, STATUSES, State
from webapp.services.operators.wanted import Query

HOURS = 24
WEEKS = 12
Bars = list[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """So many connections that have status, reason and scope in common."""

    status: str
    reason: str | None
    scope: str
    count: int
    #: Active ones whose access ends soon; they are among `count`.
    soon: int


@dataclass(frozen=True, slots=True)
class Counts:
    """All connections of one TikTok app by kind."""

    kinds: Sequence[Kind]
    #: None: counted for whoever looks.
    counted_at: datetime | None
    expiries: Bars
    reconnects: Bars

    @property
    def total(self) -> int:
        """Return how many there are."""
        return sum(kind.count for kind in self.kinds)

    @property
    def by_state(self) -> dict[State, int]:
        """Return how many are in each state."""
        return {state: sum(_of(kind, state) for kind in self.kinds) for state in State}

    @property
    def scopes(self) -> list[str]:
        """Return every scope that anybody has granted, sorted."""
        found = {scope for kind in self.kinds for scope in kind.scope.split(",")}
        return sorted(found - {""})

    def matching(self, query: Query) -> int | None:
        """Return how many rows match a query; None if these counts cannot tell."""
        if query.search or query.failing is not None or query.within is not None:
            return None
        kinds = [
            kind
            for kind in self.kinds
            if (query.reason is None or kind.reason == query.reason)
            and (query.scope is None or query.scope in kind.scope.split(","))
        ]
        states = [query.state] if query.state else list(State)
        return sum(_of(kind, state) for kind in kinds for state in states)


def count(session: Session, house: House, now: datetime) -> Counts:
    """Count everything. Reads two indexes from end to end."""
    ours = User.client_key == house.settings.tiktok_client_key
    ends = User.access_expires_at
    by = (User.status, User.reason, User.scope)
    soon = case((ends > now + SOON, 0), else_=1)
    kinds = [
        Kind(status, reason, scope, number, int(late) if status == Status.ACTIVE else 0)
        for status, reason, scope, number, late in session.execute(
            select(*by, func.count(), func.sum(soon)).where(ours).group_by(*by)
        )
    ]
    hour = now.replace(minute=0, second=0, microsecond=0)
    week = hour.replace(hour=0) - timedelta(days=now.weekday())
    kept = User.status.in_([Status.ACTIVE.value, Status.FAILING.value])
    hours = Counter[datetime]()
    for moment, number in _by(session, ends, 13, (ours, kept), (now, hour, HOURS)):
        hours[moment] += number
    weeks = Counter[datetime]()
    ends = User.refresh_expires_at
    for moment, number in _by(session, ends, 10, (ours, kept), (now, week, WEEKS * 7 * 24)):
        weeks[moment - timedelta(days=moment.weekday())] += number
    return Counts(
        kinds,
        None,
        [(each, hours[each]) for each in (hour + timedelta(hours=n) for n in range(HOURS))],
        [(each, weeks[each]) for each in (week + timedelta(weeks=n) for n in range(WEEKS))],
    )


def _by(
    session: Session,
    moment: Any,
    letters: int,
    conditions: Sequence[ColumnElement[bool]],
    span: tuple[datetime, datetime, int],
) -> list[tuple[datetime, int]]:
    """Count rows by the first letters of a time, "2026-11-22 14", within a span of hours."""
    now, start, hours = span
    if session.get_bind().dialect.name == "sqlite":
        cut: ColumnElement[str] = func.substr(moment, 1, letters, type_=Text())
    else:
        cut = func.to_char(
            func.timezone("UTC", moment),
            "YYYY-MM-DD HH24" if letters > 10 else "YYYY-MM-DD",
            type_=Text(),
        )
    cut = cut.label("cut")
    rows = session.execute(
        select(cut, func.count())
        .where(*conditions, moment > now, moment < start + timedelta(hours=hours))
        .group_by(cut)
    )
    return [(datetime.fromisoformat(text).replace(tzinfo=UTC), number) for text, number in rows]


def written(counts: Counts) -> str:
    """Return counts as the text that is kept."""
    return json.dumps(
        {
            "kinds": [list(asdict(kind).values()) for kind in counts.kinds],
            "expiries": [(moment.isoformat(), number) for moment, number in counts.expiries],
            "reconnects": [(moment.isoformat(), number) for moment, number in counts.reconnects],
        }
    )


def read(text: str, counted_at: datetime) -> Counts:
    """Return counts from the text that was kept, and when it was."""
    kept = json.loads(text)

    def bars(name: str) -> Bars:
        return [(datetime.fromisoformat(moment), number) for moment, number in kept[name]]

    kinds = [Kind(*each) for each in kept["kinds"]]
    return Counts(kinds, counted_at, bars("expiries"), bars("reconnects"))


def _of(kind: Kind, state: State) -> int:
    """Return how many of a kind are in a state."""
    if kind.status not in STATUSES[state]:
        return 0
    if state is State.SOON:
        return kind.soon
    return kind.count - kind.soon
