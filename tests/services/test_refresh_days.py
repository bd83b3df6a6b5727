"""The refreshes of one connection are counted by day, in the UPDATE that stores their answers."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Text, literal, select, update

from tests.services.grants import join, made_up
from webapp.actor import Actor
from webapp.database import reading, writing
from webapp.models import User
from webapp.services.records import history, refresh_days
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WORKER = Actor("worker")


def count(at: datetime, *, worked: bool = True) -> None:
    """Count one refresh of everyone."""
    day = literal(refresh_days.day_word(at), Text)
    with writing() as session:
        session.execute(
            update(User).values(refresh_days=refresh_days.count_one(day, worked=worked))
        )


def stored() -> str | None:
    """Return the counts of the only person."""
    with reading() as session:
        return session.scalar(select(User.refresh_days))


@pytest.fixture
def newcomer(runtime: Runtime) -> None:
    """Let one person connect."""
    join(runtime, made_up(runtime.clock()))


@pytest.fixture
def elder(newcomer: None) -> None:
    """Let one person have connected before refreshes were counted."""
    with writing() as session:
        session.execute(update(User).values(refresh_days=None))


def test_every_refresh_is_counted_on_its_day(newcomer: None) -> None:
    for hours, worked in ((0, True), (1, True), (2, False), (12, True), (40, False), (41, False)):
        count(NOON + timedelta(hours=hours), worked=worked)
    assert list(refresh_days.counted(stored()).items()) == [
        (date(2026, 11, 24), (0, 2)),
        (date(2026, 11, 23), (1, 0)),
        (date(2026, 11, 22), (2, 1)),
    ]


def test_thirty_days_are_known_however_many_refreshes_there_were(newcomer: None) -> None:
    for number in range(40):
        for _each in range(3):
            count(NOON + DAY * number)
    known = refresh_days.by_day(stored(), [], date(2026, 12, 31), (NOON + DAY * 39).date())
    assert list(known) == [(NOON + DAY * number).date() for number in range(10, 40)]
    assert set(known.values()) == {(3, 0)}
    assert len(stored() or "") == refresh_days.KEPT * 15


def test_a_day_of_many_refreshes_keeps_its_number(newcomer: None) -> None:
    with writing() as session:
        day = refresh_days.day_word(NOON)
        session.execute(update(User).values(refresh_days=f"{day}0099900009"))
    count(NOON)
    count(NOON, worked=False)
    assert refresh_days.counted(stored()) == {NOON.date(): (1000, 10)}


def test_a_clock_that_was_set_back_loses_no_refresh(newcomer: None) -> None:
    for at in (NOON, NOON + DAY, NOON):
        count(at)
    assert refresh_days.counted(stored()) == {NOON.date(): (2, 0), (NOON + DAY).date(): (1, 0)}


def test_days_before_the_first_count_come_from_the_history(elder: None) -> None:
    events = [
        refresh
        for n in (0, 1, 2)
        for refresh in history.parse(
            history.format_entry(NOON - DAY * n, "refreshed", WORKER, 9, "", "")
        )
    ]
    covered = (NOON - DAY * 2).date()
    assert (
        list(refresh_days.by_day(stored(), events, covered, NOON.date()).values()) == [(1, 0)] * 3
    )
    # Of the day of the first count, only a part was counted, so it is still the history's.
    count(NOON + timedelta(hours=1))
    count(NOON + DAY)
    count(NOON + DAY)
    known = refresh_days.by_day(stored(), events, covered, (NOON + DAY).date())
    assert list(known.values()) == [(1, 0), (1, 0), (1, 0), (2, 0)]


def test_a_day_that_nobody_knows_whole_is_not_shown(elder: None) -> None:
    count(NOON)
    count(NOON + DAY)
    late = (NOON + DAY * 2).date()
    known = refresh_days.by_day(stored(), [], late, late)
    assert known == {(NOON + DAY).date(): (1, 0), late: (0, 0)}
