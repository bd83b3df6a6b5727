"""Counts connections by state: live while there are few, in the background otherwise.

Counting a million rows takes a second or more, so no request waits for it: the first request after
the last count is a minute old starts the next one, in one process, and shows the last one.
"""

import contextvars
import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Integer, Text, bindparam, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import UtcDateTime, is_sqlite, reading, writing
from webapp.models import Headcount, Status, User
from webapp.services.operators.list_query import ENDING, MOMENTS, SOON, STATUSES, Query, State
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

HOURS = 24
WEEKS = 12
#: Up to this many rows are counted during the request.
COUNT_LIVE_BELOW = 20_000
#: How long a count is used.
FRESH_FOR = timedelta(minutes=1)
#: A count that has taken longer belongs to a process that died.
CLAIM_FOR = timedelta(minutes=10)
#: The statuses of connections whose access is refreshed.
_ALIVE = (Status.ACTIVE.value, Status.FAILING.value)
#: Locked while this process counts in the background.
_counting = threading.Lock()
#: The start of each hour or week, and its count.
Bars = list[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """The connections that have status, reason and scope in common."""

    status: str
    reason: str | None
    scope: str
    count: int
    #: How many of them are active with access that ends soon.
    soon: int


@dataclass(frozen=True, slots=True)
class Counts:
    """All connections of our TikTok app by kind."""

    kinds: Sequence[Kind]
    #: None: counted for this request.
    counted_at: datetime | None
    expiries: Bars
    reconnects: Bars
    #: How many work but must be reconnected soon. None: counted by a release without this.
    ending: int | None = None

    @property
    def total(self) -> int:
        """The number of all connections."""
        return sum(kind.count for kind in self.kinds)

    @property
    def by_state(self) -> dict[State, int]:
        """The number of connections in each state."""
        return {state: sum(_of(kind, state) for kind in self.kinds) for state in State}

    @property
    def scopes(self) -> list[str]:
        """Every scope that anyone has granted, sorted."""
        found = {scope for kind in self.kinds for scope in kind.scope.split(",")}
        return sorted(found - {""})

    def matching(self, query: Query) -> int | None:
        """Return how many rows match a query; None if that can't be computed from these counts."""
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


_ours = User.client_key == bindparam("key")
_by = (User.status, User.reason, User.scope)
_soon = case((User.access_expires_at > bindparam("soon", type_=UtcDateTime()), 0), else_=1)
# Built once, because building them takes longer than running them.
_KINDS = select(*_by, func.count(), func.sum(_soon)).where(_ours).group_by(*_by)
_ENDING = (
    select(func.count())
    .where(_ours, User.status.in_(_ALIVE))
    .where(User.refresh_expires_at > MOMENTS["now"])
    .where(User.refresh_expires_at <= MOMENTS["ends_before"])
)
_SOME = select(User.id).where(_ours).limit(bindparam("limit", type_=Integer)).subquery()
_COUNT_SOME = select(func.count()).select_from(_SOME)
_STORED = select(Headcount.counted_at, Headcount.body).where(
    Headcount.client_key == bindparam("key")
)


def count_all(session: Session, runtime: Runtime, now: datetime, *, by_time: bool = True) -> Counts:
    """Count everything; reads indexes completely. Without `by_time`, expiries are left out."""
    values = {"key": runtime.client_key, "soon": now + SOON}
    kinds = [
        Kind(status, reason, scope, number, int(late) if status == Status.ACTIVE else 0)
        for status, reason, scope, number, late in session.connection().execute(_KINDS, values)
    ]
    values |= {"now": now, "ends_before": now + ENDING}
    ending = session.connection().scalar(_ENDING, values)
    bars = _count_by_time(session, runtime, now) if by_time else ([], [])
    return Counts(kinds, None, *bars, ending)


def _count_by_time(session: Session, runtime: Runtime, now: datetime) -> tuple[Bars, Bars]:
    """Return how many accesses expire in each of the next hours, and grants in each week."""
    ours = (User.client_key == runtime.client_key, User.status.in_(_ALIVE))
    hour = now.replace(minute=0, second=0, microsecond=0)
    week = hour.replace(hour=0) - timedelta(days=now.weekday())
    hours = Counter[datetime]()
    ends = User.access_expires_at
    for moment, number in _count_by(session, ends, 13, ours, (now, hour, HOURS)):
        hours[moment] += number
    weeks = Counter[datetime]()
    ends = User.refresh_expires_at
    for moment, number in _count_by(session, ends, 10, ours, (now, week, WEEKS * 7 * 24)):
        weeks[moment - timedelta(days=moment.weekday())] += number
    return (
        [(each, hours[each]) for each in (hour + timedelta(hours=n) for n in range(HOURS))],
        [(each, weeks[each]) for each in (week + timedelta(weeks=n) for n in range(WEEKS))],
    )


def _count_by(
    session: Session,
    moment: Any,
    letters: int,
    conditions: Sequence[ColumnElement[bool]],
    span: tuple[datetime, datetime, int],
) -> list[tuple[datetime, int]]:
    """Count rows by the first characters of a time, "2026-11-22 14", within a number of hours."""
    now, start, hours = span
    if is_sqlite(session.get_bind().dialect):
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


def to_json(counts: Counts) -> str:
    """Return counts as the text that is stored."""
    return json.dumps(
        {
            "kinds": [list(asdict(kind).values()) for kind in counts.kinds],
            "expiries": [(moment.isoformat(), number) for moment, number in counts.expiries],
            "reconnects": [(moment.isoformat(), number) for moment, number in counts.reconnects],
            "ending": counts.ending,
        }
    )


def from_json(text: str, counted_at: datetime) -> Counts:
    """Return counts from their stored text and the time of the count."""
    document = json.loads(text)

    def bars(name: str) -> Bars:
        return [(datetime.fromisoformat(moment), number) for moment, number in document[name]]

    kinds = [Kind(*each) for each in document["kinds"]]
    return Counts(kinds, counted_at, bars("expiries"), bars("reconnects"), document.get("ending"))


def _of(kind: Kind, state: State) -> int:
    if kind.status not in STATUSES[state]:
        return 0
    if state is State.SOON:
        return kind.soon
    return kind.count - kind.soon


def current_counts(runtime: Runtime, now: datetime, *, by_time: bool = True) -> Counts | None:
    """Return the counts, live or the last ones; None until the first count is done.

    Without `by_time`, live ones leave out when access expires.
    """
    with reading() as session:
        stored = _stored(session, runtime)
        may_be_few = stored is None or stored.total <= COUNT_LIVE_BELOW
        if may_be_few and _are_few(session, runtime):
            return count_all(session, runtime, now, by_time=by_time)
    # A count of the future was made before the clock was set back.
    if stored is None or stored.counted_at is None or abs(now - stored.counted_at) > FRESH_FOR:
        _run_in_background(lambda: recount(runtime))
    return stored


def recount(runtime: Runtime) -> bool:
    """Count everything and store it. Return False if another process is counting."""
    now = runtime.clock()
    if not _claim(runtime, now):
        return False
    with reading() as session:
        found = count_all(session, runtime, now)
    with writing() as session:
        row = session.get(Headcount, runtime.client_key)
        if row is not None:
            row.counted_at, row.counting_until, row.body = now, None, to_json(found)
    return True


def _stored(session: Session, runtime: Runtime) -> Counts | None:
    row = session.connection().execute(_STORED, {"key": runtime.client_key}).first()
    if row is None or row.counted_at is None:
        return None
    return from_json(row.body, row.counted_at)


def _are_few(session: Session, runtime: Runtime) -> bool:
    values = {"key": runtime.client_key, "limit": COUNT_LIVE_BELOW + 1}
    return (session.connection().scalar(_COUNT_SOME, values) or 0) <= COUNT_LIVE_BELOW


def _claim(runtime: Runtime, now: datetime) -> bool:
    """Claim the next count. Return False if another process has claimed or just finished one."""
    key = runtime.client_key
    try:
        with writing() as session:
            if session.get(Headcount, key) is None:
                session.add(Headcount(client_key=key, body="", counting_until=now + CLAIM_FOR))
                return True
            counted, until = Headcount.counted_at, Headcount.counting_until
            free = or_(until.is_(None), until < now, until > now + CLAIM_FOR)
            old = or_(counted.is_(None), counted < now - FRESH_FOR, counted > now + FRESH_FOR)
            taken = session.execute(
                update(Headcount)
                .where(Headcount.client_key == key, free, old)
                .values(counting_until=now + CLAIM_FOR)
                .returning(Headcount.client_key)
            ).all()
            return bool(taken)
    except IntegrityError:
        return False


def _in_a_thread(work: Callable[[], object]) -> None:
    """Run `work` in a thread with a copy of this context, which knows the database."""
    if not _counting.acquire(blocking=False):
        return

    def run() -> None:
        try:
            work()
        except SQLAlchemyError as error:
            log.warning("count_failed", error=type(error).__name__)
        finally:
            _counting.release()

    threading.Thread(
        target=contextvars.copy_context().run, args=(run,), name="headcount", daemon=True
    ).start()


_run_in_background: Callable[[Callable[[], object]], None] = _in_a_thread
