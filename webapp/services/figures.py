"""How often refreshes succeed and fail and how long TikTok takes, counted by the minute.

A handful of rows a minute however many connections there are; knows nobody by name.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from webapp.models import Figure
from webapp.models.figure import ALL_TIME

#: Upper bounds of the classes that answer times are counted in, in milliseconds.
BOUNDS = (100, 250, 500, 1000, 2500, 5000, 10_000)


def took(ms: int) -> str:
    """Return the word under which an answer that took so long is counted."""
    return f"ms.{next((bound for bound in BOUNDS if ms <= bound), BOUNDS[-1])}"


def note(session: Session, client_key: str, now: datetime, counts: Mapping[str, int]) -> None:
    """Count these up, in this minute and for all time, in the caller's transaction."""
    minute = now.replace(second=0, microsecond=0)
    rows = [
        {"client_key": client_key, "minute": when, "what": what, "count": count}
        # In one order everywhere, so that two processes never wait for each other in a ring.
        for what, count in sorted(counts.items())
        for when in (ALL_TIME, minute)
        if count
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
