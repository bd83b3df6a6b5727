"""Figures: what the pictures and /metrics read is what happened, also once old ones are folded."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.movable import MovableClock
from webapp.database import reading, writing
from webapp.models import Figure
from webapp.services.records import figures
from webapp.services.runtime import Runtime
from webapp.services.worker import chores

pytestmark = pytest.mark.usefixtures("each_database")


def note(runtime: Runtime, at: datetime, **counts: int) -> None:
    """Count these up at this moment; a double underscore stands for the dot."""
    words = {word.replace("__", "."): count for word, count in counts.items()}
    with writing() as session:
        figures.add_counts(session, runtime.settings.tiktok_client_key, at, words)


def rows() -> int:
    """Return how many rows there are."""
    with reading() as session:
        return session.scalar(select(func.count()).select_from(Figure)) or 0


def fold(runtime: Runtime, now: datetime) -> None:
    """Fold until nothing is left to fold."""
    while figures.fold_old_minutes(runtime, now):
        pass


def test_hours_and_days_are_those_of_utc_and_empty_ones_are_there(
    runtime: Runtime, clock: MovableClock
) -> None:
    now = clock()
    note(runtime, now, refreshed=3, failed__transient=1, failed__config=1, ms__100=4, revoked=1)
    note(runtime, now - timedelta(hours=2), refreshed=5)
    note(runtime, now - timedelta(days=3), refreshed=7)
    note(runtime, now - timedelta(days=40), refreshed=9)
    hours, days = figures.by_hour(runtime, now), figures.by_day(runtime, now)
    assert (len(hours), len(days)) == (24, 30)
    assert (hours[-1].refreshed, hours[-1].failed, hours[-3].refreshed) == (3, 2, 5)
    assert sum(bar.refreshed for bar in hours) == 8
    assert sum(bar.refreshed for bar in days) == 15
    assert hours[-1].start == now.replace(minute=0, second=0, microsecond=0)
    assert figures.totals(runtime)["refreshed"] == 24


def test_answer_times_are_told_by_their_class(runtime: Runtime, clock: MovableClock) -> None:
    now = clock()
    assert figures.answer_times(runtime, now) == figures.AnswerTimes(0, None, None)
    note(runtime, now - timedelta(hours=2), ms__5000=99)
    note(runtime, now, ms__100=60, ms__250=30, ms__2500=10)
    assert figures.answer_times(runtime, now) == figures.AnswerTimes(100, 100, 2500)
    note(runtime, now, ms__10000=900)
    assert figures.answer_times(runtime, now) == figures.AnswerTimes(1000, None, None)


def test_the_pace_is_that_of_the_last_minutes(runtime: Runtime, clock: MovableClock) -> None:
    now = clock().replace(second=0, microsecond=0)
    note(runtime, now - timedelta(minutes=1), refreshed=590, failed__transient=10, ms__100=600)
    note(runtime, now - timedelta(minutes=10), refreshed=10_000)
    assert figures.per_second(runtime, now) == 2


def test_folding_changes_no_sum_and_leaves_a_row_an_hour(
    runtime: Runtime, clock: MovableClock
) -> None:
    now = clock()
    old = (now - timedelta(days=5)).replace(minute=0)
    for minute in range(60):
        note(runtime, old + timedelta(minutes=minute), refreshed=2, failed__transient=1)
    note(runtime, now - timedelta(hours=47), refreshed=4)
    note(runtime, now - timedelta(days=32), refreshed=6)
    before = figures.by_day(runtime, now), figures.totals(runtime)
    fold(runtime, now)
    assert (figures.by_day(runtime, now), figures.totals(runtime)) == before
    # Two words of the folded hour, the one of the last 48 hours, two words of all time.
    assert rows() == 5
    fold(runtime, now)
    assert rows() == 5


def test_two_workers_fold_each_minute_once(
    runtime: Runtime, app: Flask, clock: MovableClock
) -> None:
    now = clock()
    for hour in range(6):
        for minute in range(0, 60, 7):
            at = (now - timedelta(days=4, hours=hour)).replace(minute=minute)
            note(runtime, at, refreshed=1, failed__config=2)
    before = figures.by_day(runtime, now)

    def work(_number: int) -> None:
        with app.app_context():
            fold(runtime, now)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert figures.by_day(runtime, now) == before
    assert rows() == 6 * 2 + 2


def test_a_worker_tidies_at_its_start_and_goes_on_where_a_job_breaks(
    runtime: Runtime, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_runtime: Runtime, _now: datetime) -> bool:
        raise RuntimeError

    monkeypatch.setattr(chores, "CHORES", (broken, *chores.CHORES))
    for minute in (5, 6):
        note(runtime, (clock() - timedelta(days=4)).replace(minute=minute), refreshed=1)
    round_ = chores.Chores(runtime)
    round_.step()
    round_.step()
    assert rows() == 2
