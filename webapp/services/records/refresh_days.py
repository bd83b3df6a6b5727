"""How many refreshes of one connection worked and failed, by day (UTC), for the last 31 days.

The counts are a text in the person's row, which the UPDATE that stores the answer changes in place:
no read and no row more, and nothing to clean up. The history knows more of each refresh, but only
of the last twenty or so.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Text, case, cast, func

from webapp.models import User
from webapp.services.records.history import TimelineEvent

#: Of the 30 days of a chart, the first may be one of which only a part was counted. So one more.
KEPT = 31
_EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)
#: An entry: the day, and how many refreshes worked and failed on it. Days without any have none.
_WIDTH = 5
_ENTRY = 3 * _WIDTH
#: Begins the last entry of a row that is older than the counts: its second part is their first day.
_SINCE = "since"
_FAILURES = ("failed", "needs_user")


def day_word(at: datetime) -> str:
    """Return the day of a time as it is stored."""
    return f"{(at.astimezone(UTC).date() - _EPOCH).days:0{_WIDTH}d}"


def count_one(day: Any, *, worked: bool) -> ColumnElement[str]:
    """Return the new value of `User.refresh_days`: one refresh more on `day`, a `day_word`."""
    stored: ColumnElement[Any] = User.__table__.c.refresh_days
    first_ever = _text(_SINCE) + day + _text("-" * _WIDTH)
    before = func.coalesce(stored, first_ever)
    good, failed = _cut(stored, 6, _WIDTH), _cut(stored, 11, _WIDTH)
    counts = _one_more(good) + failed if worked else good + _one_more(failed)
    new = "0000100000" if worked else "0000000001"
    return case(
        (_cut(stored, 1, _WIDTH) == day, day + counts + _cut(stored, _ENTRY + 1)),
        else_=day + _text(new) + _cut(before, 1, _ENTRY * (KEPT - 1)),
    )


def _one_more(digits: ColumnElement[str]) -> ColumnElement[str]:
    # 00041 → 100042 → 00042, which both databases can do.
    return _cut(cast(cast(digits, Integer) + (10**_WIDTH + 1), Text), 2)


def _cut(text: ColumnElement[str], *span: int) -> ColumnElement[str]:
    return func.substr(text, *span, type_=Text())


def _text(text: str) -> ColumnElement[str]:
    return cast(text, Text)


def format_days(events: Iterable[tuple[datetime, bool]]) -> str:
    """Return the counts of these refreshes (when, whether it worked) as they are stored."""
    counts = Counter((day_word(at), worked) for at, worked in events)
    days = sorted({day for day, _worked in counts}, reverse=True)[:KEPT]
    return "".join(f"{day}{counts[day, True]:05d}{counts[day, False]:05d}" for day in days)


def by_day(
    stored: str | None, events: Iterable[TimelineEvent], covered: date, today: date
) -> dict[date, tuple[int, int]]:
    """Return how many refreshes worked and failed on each of the last 30 days that is known.

    Today is the last. Days from before the counts come from `events`, which hold every refresh
    from `covered` on.
    """
    counts, first = counted(stored), _first_day(stored, today)
    known = Counter(
        (event.at.date(), event.word == "refreshed")
        for event in events
        if event.word in ("refreshed", *_FAILURES)
    )
    begin = max(min(covered, first), today - _DAY * (KEPT - 2))
    days = [begin + _DAY * number for number in range((today - begin).days + 1)]
    return {
        day: counts.get(day, (0, 0)) if day >= first else (known[day, True], known[day, False])
        for day in days
    }


def counted(stored: str | None) -> dict[date, tuple[int, int]]:
    """Return the counts by day, as they are stored: how many refreshes worked, how many failed."""
    counts: dict[date, tuple[int, int]] = {}
    for day, good, failed in _entries(stored):
        if day != _SINCE:
            # After the clock was set back, a day can have two entries.
            before = counts.get(_date(day), (0, 0))
            counts[_date(day)] = before[0] + int(good), before[1] + int(failed)
    return counts


def _first_day(stored: str | None, today: date) -> date:
    """Return the first day of which every refresh was counted."""
    if stored is None:
        return today + _DAY
    begun = [_date(first) + _DAY for word, first, _dashes in _entries(stored) if word == _SINCE]
    return begun[0] if begun else date.min


def _entries(stored: str | None) -> list[tuple[str, ...]]:
    text = stored or ""
    return [
        tuple(text[start + part : start + part + _WIDTH] for part in range(0, _ENTRY, _WIDTH))
        for start in range(0, len(text), _ENTRY)
    ]


def _date(word: str) -> date:
    return _EPOCH + _DAY * int(word)
