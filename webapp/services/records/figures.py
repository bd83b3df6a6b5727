"""How often refreshes succeed and fail and how long TikTok takes, counted by the minute.

A handful of rows a minute however many connections there are; knows nobody by name. What reads
them is services.trends; what keeps them few is `fold`.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from webapp.database import db, reading, writing
from webapp.models import Figure
from webapp.models.figure import ALL_TIME
from webapp.services.house import House

#: Upper bounds of the classes that answer times are counted in, in milliseconds. The last one
#: takes whatever is slower, too.
BOUNDS = (100, 250, 500, 1000, 2500, 5000, 10_000)
#: How long the minutes are kept apart, and how long the hours.
MINUTES_FOR = timedelta(hours=48)
HOURS_FOR = timedelta(days=31)


def took(ms: int) -> str:
    """Return the word under which an answer that took so long is counted."""
    return f"ms.{next((bound for bound in BOUNDS if ms <= bound), BOUNDS[-1])}"


def note(session: Session, client_key: str, now: datetime, counts: Mapping[str, int]) -> None:
    """Count these up, in this minute and for all time, in the caller's transaction."""
    minute = now.replace(second=0, microsecond=0)
    for_both = {
        (client_key, when, what): count
        # In one order everywhere, so that two processes never wait for each other in a ring.
        for what, count in sorted(counts.items())
        for when in (ALL_TIME, minute)
        if count
    }
    _add(session, for_both)


def fold(_house: House, now: datetime) -> bool:
    """Turn an hour's minutes older than 48 hours into one row; drop the hours of a month ago.

    One hour a call, so that refreshes wait for milliseconds; True: there are more. Several
    processes may be at it: whoever deletes a minute's rows is the one who adds them to the hour's.
    All-time counts stay.
    """
    hours = _unfolded(now - MINUTES_FOR)
    if hours:
        _fold(hours[0])
    else:
        _drop(now - HOURS_FOR)
    return bool(hours)


def text_of() -> ColumnElement[str]:
    """Return a figure's minute as "2026-11-22 14:05", in UTC, on either database."""
    if db.engine.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", Figure.minute), "YYYY-MM-DD HH24:MI")
    return func.substr(Figure.minute, 1, 16)


def hour_of(text: str) -> datetime:
    """Return the hour that such a text, or its first 13 letters, stands for."""
    return datetime.strptime(text[:13], "%Y-%m-%d %H").replace(tzinfo=UTC)


def _unfolded(before: datetime) -> list[datetime]:
    """Return the whole hours before then that still have minutes of their own, oldest first."""
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


def _fold(hour: datetime) -> None:
    with writing() as session:
        gone = session.execute(
            delete(Figure)
            .where(Figure.minute > hour, Figure.minute < hour + timedelta(hours=1))
            .returning(Figure.client_key, Figure.what, Figure.count)
            .execution_options(synchronize_session=False)
        )
        sums = Counter[tuple[str, datetime, str]]()
        for client_key, what, count in gone:
            sums[client_key, hour, what] += count
        _add(session, dict(sorted(sums.items())))


def _drop(before: datetime) -> None:
    with writing() as session:
        session.execute(
            delete(Figure)
            .where(Figure.minute > ALL_TIME, Figure.minute < before)
            .execution_options(synchronize_session=False)
        )


def _add(session: Session, counts: Mapping[tuple[str, datetime, str], int]) -> None:
    rows = [
        {"client_key": client_key, "minute": when, "what": what, "count": count}
        for (client_key, when, what), count in counts.items()
    ]
    if not rows:
        return
    kind = session.get_bind().dialect.name
    statement = (postgresql.insert if kind == "postgresql" else sqlite.insert)(Figure).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["client_key", "minute", "what"],
            set_={"count": Figure.count + statement.excluded.count},
        ),
        execution_options={"synchronize_session": False},
    )
