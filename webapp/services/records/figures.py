"""Counts of outcomes per minute, folded into hours, and the sums and charts made from them.

They take a few rows per minute, never one row per refresh.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, func, select
from sqlalchemy.orm import Session

from webapp.database import db, is_sqlite, reading, upsert, writing
from webapp.models import Figure
from webapp.models.figure import ALL_TIME
from webapp.services.runtime import Runtime

#: Upper bounds of the buckets for answer times, in milliseconds. The last bucket also counts
#: everything slower.
BOUNDS = (100, 250, 500, 1000, 2500, 5000, 10_000)
#: How long counts per minute are kept, and counts per hour.
MINUTES_FOR = timedelta(hours=48)
HOURS_FOR = timedelta(days=31)
#: The lengths of the two charts.
HOURS = 24
DAYS = 30
#: The time over which the current rate is measured.
LATELY = timedelta(minutes=5)
_FAILED, _MS = "failed.", "ms."
#: How a refused refresh is counted, by its verdict (services.refresh.verdicts).
_REFUSED = ("failed.refused_once", "failed.mass_rejection", "failed.needs_person")


@dataclass(frozen=True, slots=True)
class Bar:
    """What happened in one hour or on one day."""

    start: datetime
    refreshed: int
    failed: int


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """How long TikTok took; each value is the upper bound of a bucket."""

    count: int
    #: In milliseconds; None: slower than the last bound but one, or no requests.
    median: int | None
    p95: int | None


def answer_time_bucket(ms: int) -> str:
    """Return the word under which an answer that took `ms` milliseconds is counted."""
    return f"ms.{next((bound for bound in BOUNDS if ms <= bound), BOUNDS[-1])}"


def add_counts(session: Session, client_key: str, now: datetime, counts: Mapping[str, int]) -> None:
    """Add these counts to this minute's and the all-time counts, in the caller's transaction."""
    minute = now.replace(second=0, microsecond=0)
    both = {
        (client_key, when, what): count
        # In the same order everywhere, to avoid deadlocks.
        for what, count in sorted(counts.items())
        for when in (ALL_TIME, minute)
        if count
    }
    _add(session, both)


def fold_old_minutes(_runtime: Runtime, now: datetime) -> bool:
    """Fold one hour of minutes older than 48 hours; without any, delete hours older than 31 days.

    Return True if there may be more: one hour per call, so refreshes wait only milliseconds.
    Several processes may run this: the one that deletes a minute's rows adds them to the hour.
    All-time counts stay.
    """
    hours = _unfolded(now - MINUTES_FOR)
    if hours:
        _fold_minutes(hours[0])
    else:
        with writing() as session:
            expired = (Figure.minute > ALL_TIME, Figure.minute < now - HOURS_FOR)
            session.execute(delete(Figure).where(*expired))
    return bool(hours)


def text_of() -> ColumnElement[str]:
    """Return an SQL expression for a figure's minute as "2026-11-22 14:05", in UTC."""
    if is_sqlite(db.engine.dialect):
        return func.substr(Figure.minute, 1, 16)
    return func.to_char(func.timezone("UTC", Figure.minute), "YYYY-MM-DD HH24:MI")


def hour_of(text: str) -> datetime:
    """Return the hour of such a text, or of its first 13 characters."""
    return datetime.strptime(text[:13], "%Y-%m-%d %H").replace(tzinfo=UTC)


def _unfolded(before: datetime) -> list[datetime]:
    """Return the whole hours before `before` that still have rows per minute, oldest first."""
    text = text_of()
    query = (
        select(func.substr(text, 1, 13))
        .where(Figure.minute > ALL_TIME)
        .where(Figure.minute < before.replace(minute=0, second=0, microsecond=0))
        .where(func.substr(text, 15, 2) != "00")
        .distinct()
    )
    with reading() as session:
        return sorted(map(hour_of, session.scalars(query)))


def _fold_minutes(hour: datetime) -> None:
    with writing() as session:
        deleted = session.execute(
            delete(Figure)
            .where(Figure.minute > hour, Figure.minute < hour + timedelta(hours=1))
            .returning(Figure.client_key, Figure.what, Figure.count)
        )
        sums = Counter[tuple[str, datetime, str]]()
        for client_key, what, count in deleted:
            sums[client_key, hour, what] += count
        _add(session, dict(sorted(sums.items())))


def _add(session: Session, counts: Mapping[tuple[str, datetime, str], int]) -> None:
    rows = [
        {"client_key": client_key, "minute": when, "what": what, "count": count}
        for (client_key, when, what), count in counts.items()
    ]
    if not rows:
        return
    statement = upsert(
        session.get_bind().dialect,
        Figure,
        None,
        key=["client_key", "minute", "what"],
        changes=lambda new: {"count": Figure.count + new.count},
    )
    # Not through the ORM, which would compile it for each group of refreshes.
    session.connection().execute(statement, rows)


def by_hour(runtime: Runtime, now: datetime) -> list[Bar]:
    """Return the last 24 hours, the current one last."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    good, bad = _by_hour(runtime, hours[0])
    return [Bar(hour, good[hour], bad[hour]) for hour in hours]


def by_day(runtime: Runtime, now: datetime) -> list[Bar]:
    """Return the last 30 days in UTC, today last."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    good, bad = Counter[datetime](), Counter[datetime]()
    for sums, counts in zip((good, bad), _by_hour(runtime, days[0]), strict=True):
        for hour, count in counts.items():
            sums[hour.replace(hour=0)] += count
    return [Bar(day, good[day], bad[day]) for day in days]


def totals(runtime: Runtime) -> dict[str, int]:
    """Return the all-time counts by word; they never decrease."""
    return _sums(runtime, Figure.minute == ALL_TIME)


def per_second(runtime: Runtime, now: datetime) -> float:
    """Return how many refreshes per second were answered in the last five minutes."""
    since = (now - LATELY).replace(second=0, microsecond=0)
    counts = _sums(runtime, Figure.minute.between(since, now))
    answered = sum(count for what, count in counts.items() if not what.startswith(_MS))
    return (answered - counts.get("revoked", 0)) / (now - since).total_seconds()


def refusals(runtime: Runtime, now: datetime) -> tuple[int, int]:
    """Return how many refreshes TikTok refused in the last hour, and how many there were."""
    counts = _sums(runtime, Figure.minute.between(now - timedelta(hours=1), now))
    all_of_them = counts.get("refreshed", 0) + sum(
        count for what, count in counts.items() if what.startswith(_FAILED)
    )
    return sum(counts.get(what, 0) for what in _REFUSED), all_of_them


def answer_times(runtime: Runtime, now: datetime) -> AnswerTimes:
    """Return how long TikTok took in the last hour: the median and the 95th percentile."""
    buckets = answer_time_counts(
        _sums(runtime, Figure.minute.between(now - timedelta(hours=1), now))
    )
    count = sum(buckets.values())
    return AnswerTimes(count, _quantile(buckets, 0.5), _quantile(buckets, 0.95))


def answer_time_counts(counts: Mapping[str, int]) -> dict[int, int]:
    """Return upper bound in milliseconds → count, from counts by word, the fastest first."""
    return {bound: counts.get(f"{_MS}{bound}", 0) for bound in BOUNDS}


def _quantile(buckets: Mapping[int, int], fraction: float) -> int | None:
    needed, seen = sum(buckets.values()) * fraction, 0
    for bound, count in buckets.items():
        seen += count
        if count and seen >= needed:
            # The last bucket has no upper bound.
            return bound if bound != BOUNDS[-1] else None
    return None


def _by_hour(runtime: Runtime, since: datetime) -> tuple[Counter[datetime], Counter[datetime]]:
    """Return hour → successful refreshes, and hour → failed ones."""
    hour = func.substr(text_of(), 1, 13).label("hour")
    good = case((Figure.what == "refreshed", 1), else_=0).label("good")
    query = (
        select(hour, good, func.sum(Figure.count))
        .where(Figure.client_key == runtime.client_key, Figure.minute >= since)
        .where((Figure.what == "refreshed") | Figure.what.startswith(_FAILED))
        # By name: PostgreSQL takes the same expression with other parameters for a different one.
        .group_by("hour", "good")
    )
    found = {1: Counter[datetime](), 0: Counter[datetime]()}
    with reading() as session:
        for text, is_good, count in session.execute(query):
            found[is_good][hour_of(text)] = int(count)
    return found[1], found[0]


def _sums(runtime: Runtime, when: ColumnElement[bool]) -> dict[str, int]:
    query = (
        select(Figure.what, func.sum(Figure.count))
        .where(Figure.client_key == runtime.client_key, when)
        .group_by(Figure.what)
    )
    with reading() as session:
        return {what: int(count) for what, count in session.execute(query)}
