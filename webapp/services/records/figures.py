"""What the figures say: refreshes by the hour and the day, the pace now, TikTok's answer times.

Reads at most a month of small rows, however many connections there are; changes nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select

from webapp.database import reading
from webapp.models import Figure
from webapp.models.figure import ALL_TIME
from webapp.services.house import House
from webapp.services.records.figures import BOUNDS, hour_of, text_of

HOURS = 24
DAYS = 30
#: What counts as "now" for the pace.
LATELY = timedelta(minutes=5)
_FAILED, _MS = "failed.", "ms."


@dataclass(frozen=True, slots=True)
class Bar:
    """What happened in one hour or on one day."""

    start: datetime
    refreshed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Answers:
    """How long TikTok took, as far as the classes tell; each is the upper bound of a class."""

    count: int
    #: In milliseconds; None: slower than the last bound but one, or nothing was asked.
    half: int | None
    most: int | None


def by_hour(house: House, now: datetime) -> list[Bar]:
    """Return the last 24 hours, this one last."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    good, bad = _by_hour(house, hours[0])
    return [Bar(hour, good[hour], bad[hour]) for hour in hours]


def by_day(house: House, now: datetime) -> list[Bar]:
    """Return the last 30 days in UTC, today last."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    sums = {True: Counter[datetime](), False: Counter[datetime]()}
    good, bad = _by_hour(house, days[0])
    for is_good, counts in ((True, good), (False, bad)):
        for hour, count in counts.items():
            sums[is_good][hour.replace(hour=0)] += count
    return [Bar(day, sums[True][day], sums[False][day]) for day in days]


def totals(house: House) -> dict[str, int]:
    """Return the counts of all time by word; they never fall."""
    return _sums(house, Figure.minute == ALL_TIME)


def per_second(house: House, now: datetime) -> float:
    """Return how many refreshes a second were answered in the last minutes."""
    since = (now - LATELY).replace(second=0, microsecond=0)
    counts = _sums(house, Figure.minute >= since)
    asked = sum(count for what, count in counts.items() if not what.startswith(_MS))
    return (asked - counts.get("revoked", 0)) / (now - since).total_seconds()


def answers(house: House, now: datetime) -> Answers:
    """Return how long TikTok took in the last hour: half of the answers, and 95 of 100."""
    classes = slownesses(_sums(house, Figure.minute > now - timedelta(hours=1)))
    count = sum(classes.values())
    return Answers(count, _quantile(classes, 0.5), _quantile(classes, 0.95))


def slownesses(counts: Mapping[str, int]) -> dict[int, int]:
    """Return upper bound in milliseconds → count, of counts by word, the quickest first."""
    return {bound: counts.get(f"{_MS}{bound}", 0) for bound in BOUNDS}


def _quantile(classes: Mapping[int, int], part: float) -> int | None:
    wanted, seen = sum(classes.values()) * part, 0
    for bound, count in classes.items():
        seen += count
        if count and seen >= wanted:
            # The last class takes whatever is slower, so its bound is none.
            return bound if bound != BOUNDS[-1] else None
    return None


def _by_hour(house: House, since: datetime) -> tuple[Counter[datetime], Counter[datetime]]:
    """Return hour → refreshes that came through, and hour → that did not."""
    hour = func.substr(text_of(), 1, 13).label("hour")
    good = case((Figure.what == "refreshed", 1), else_=0).label("good")
    query = (
        select(hour, good, func.sum(Figure.count))
        .where(Figure.client_key == house.settings.tiktok_client_key, Figure.minute >= since)
        .where((Figure.what == "refreshed") | Figure.what.startswith(_FAILED))
        # By name: PostgreSQL takes an expression with parameters in it for another one.
        .group_by("hour", "good")
    )
    found = {1: Counter[datetime](), 0: Counter[datetime]()}
    with reading() as session:
        for text, is_good, count in session.execute(query):
            found[is_good][hour_of(text)] = int(count)
    return found[1], found[0]


def _sums(house: House, when: ColumnElement[bool]) -> dict[str, int]:
    query = (
        select(Figure.what, func.sum(Figure.count))
        .where(Figure.client_key == house.settings.tiktok_client_key, when)
        .group_by(Figure.what)
    )
    with reading() as session:
        return {what: int(count) for what, count in session.execute(query)}
