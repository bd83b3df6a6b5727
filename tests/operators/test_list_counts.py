"""The counts on top are live while there are few rows; else the last ones, told as such."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.movable import MovableClock
from tests.operators import crowd
from tests.operators.test_list_pages import FILTERS, state_of
from webapp.database import writing
from webapp.models import Headcount, User
from webapp.services.operators import counts
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def rows(runtime: Runtime) -> list[dict[str, Any]]:
    made = crowd.rows(runtime, runtime.clock(), 80)
    crowd.put([*made, crowd.one(runtime, runtime.clock(), 700, client_key="another-app")])
    return made


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven rows are many, and what is done aside is done at once."""
    monkeypatch.setattr(counts, "COUNT_LIVE_BELOW", 10)
    monkeypatch.setattr(counts, "_run_in_background", lambda work: work())


def test_a_live_count_tells_each_state_and_each_filter(
    runtime: Runtime, rows: list[dict[str, Any]]
) -> None:
    now = runtime.clock()
    counted = counts.current_counts(runtime, now)
    assert counted is not None
    assert counted.counted_at is None
    assert counted.total == len(rows)
    states = Counter(state_of(row, now) for row in rows)
    assert {str(state): number for state, number in counted.by_state.items() if number} == states
    for query, wanted in FILTERS.values():
        told = counted.matching(query)
        blind = query.search or query.failing or query.within
        assert told == (None if blind else sum(wanted(row, now) for row in rows))


def test_expiries_by_hour_and_reconnects_by_week(
    runtime: Runtime, rows: list[dict[str, Any]]
) -> None:
    now = runtime.clock()
    # Not seen by a worker since its grant ended.
    over = crowd.one(
        runtime, now, 90, status="active", refresh_expires_at=now - timedelta(minutes=1)
    )
    crowd.put([over])
    rows = [*rows, over]
    counted = counts.current_counts(runtime, now)
    assert counted is not None
    bars = counted.expiries
    assert len(bars) == 24
    assert bars[0][0] == now.replace(minute=0, second=0, microsecond=0)
    kept = [row for row in rows if row["status"] in ("active", "failing")]
    for start, number in bars:
        ends = [row["access_expires_at"] for row in kept if row["access_expires_at"]]
        assert number == sum(
            max(start, now) < end < start + timedelta(hours=1) or (end == start and end > now)
            for end in ends
        )
    weeks = counted.reconnects
    assert len(weeks) == 12
    assert all(start.weekday() == 0 and start.hour == 0 for start, _ in weeks)
    ends = [row["refresh_expires_at"] for row in kept if row["refresh_expires_at"]]
    assert counted.ending == sum(now < end <= now + timedelta(days=14) for end in ends) > 0
    last = weeks[-1][0] + timedelta(weeks=1)
    assert sum(number for _, number in weeks) == sum(now < end < last for end in ends)


@pytest.mark.usefixtures("many")
def test_many_rows_are_counted_aside_and_again_after_a_minute(
    runtime: Runtime, rows: list[dict[str, Any]], clock: MovableClock
) -> None:
    assert counts.current_counts(runtime, clock()) is None
    first = counts.current_counts(runtime, clock())
    assert first is not None
    assert (first.total, first.counted_at) == (len(rows), clock())
    with writing() as session:
        session.delete(session.get_one(User, 1))
    clock.advance(seconds=50)
    assert counts.current_counts(runtime, clock()) == first
    clock.advance(seconds=11)
    assert counts.current_counts(runtime, clock()) == first
    second = counts.current_counts(runtime, clock())
    assert second is not None
    assert (second.total, second.counted_at) == (len(rows) - 1, clock())


@pytest.mark.usefixtures("many", "rows")
def test_only_one_process_counts_unless_it_died(runtime: Runtime, clock: MovableClock) -> None:
    with writing() as session:
        key = runtime.settings.tiktok_client_key
        until = clock() + counts.CLAIM_FOR
        session.add(Headcount(client_key=key, body="", counting_until=until))
    assert counts.recount(runtime) is False
    clock.advance(minutes=11)
    assert counts.recount(runtime) is True
    assert counts.recount(runtime) is False


@pytest.mark.usefixtures("rows")
def test_the_count_aside_is_a_thread_of_its_own(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(counts, "COUNT_LIVE_BELOW", 10)
    counts.current_counts(runtime, runtime.clock())
    for thread in threading.enumerate():
        if thread.name == "headcount":
            thread.join(20)
    assert counts.current_counts(runtime, runtime.clock()) is not None
