"""What `reading()` and `writing()` promise on both databases; knows no page and no service."""

import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from webapp.database import db, reading, writing
from webapp.models import SpentState

Threads = Callable[[int], ThreadPoolExecutor]
NOW = datetime(2026, 11, 22, 14, 5, 30, 123456, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("each_database", "inside")


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    """Stand inside the app's context."""
    with app.app_context():
        yield


@pytest.fixture
def threads(app: Flask) -> Threads:
    """A function: number → so many threads, each inside the app's context."""
    return lambda number: ThreadPoolExecutor(number, initializer=lambda: app.app_context().push())


def add(session: Session, digest: str, moment: datetime = NOW) -> None:
    session.add(SpentState(digest=digest, spent_at=moment))


def count() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(SpentState)) or 0


def test_what_a_block_wrote_is_there_when_it_has_ended() -> None:
    with writing() as session:
        add(session, "a")
        session.flush()
        assert count() == 0
    assert count() == 1


def test_a_failing_block_leaves_nothing() -> None:
    def fail() -> None:
        with writing() as session:
            add(session, "a")
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert count() == 0
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # QueuePool has it


def test_what_was_read_stays_usable_afterwards() -> None:
    with writing() as session:
        add(session, "a")
    with reading() as session:
        row = session.get_one(SpentState, "a")
    assert row.spent_at == NOW


def test_reading_writes_nothing() -> None:
    with reading() as session:
        add(session, "a")
        assert session.scalars(select(SpentState)).all() == []
    assert count() == 0


def test_a_reader_is_not_held_up_by_a_writer(threads: Threads) -> None:
    with writing() as session:
        add(session, "a")
        session.flush()
        with threads(1) as other:
            assert other.submit(count).result(5) == 0


def test_of_two_writers_the_second_waits_and_both_succeed(threads: Threads) -> None:
    under_way, order = threading.Event(), []

    def second() -> None:
        under_way.set()
        with writing() as session:
            session.execute(update(SpentState).values(spent_at=SpentState.spent_at))
            add(session, "b")
            order.append("second")

    with writing() as session:
        add(session, "row that both change")
    with threads(1) as other:
        with writing() as session:
            session.execute(update(SpentState).values(spent_at=SpentState.spent_at))
            waiting = other.submit(second)
            assert under_way.wait(5)
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
            order.append("first")
        waiting.result(10)
    assert order == ["first", "second"]
    assert count() == 2


def test_32_threads_that_write_lose_nothing(threads: Threads) -> None:
    def write(thread: int) -> None:
        for turn in range(10):
            with writing() as session:
                row = session.get_one(SpentState, "counter", with_for_update=True)
                row.spent_at += timedelta(seconds=1)
                add(session, f"{thread}-{turn}")

    with writing() as session:
        add(session, "counter")
    with threads(32) as writers:
        list(writers.map(write, range(32), timeout=60))
    assert count() == 1 + 32 * 10
    with reading() as session:
        assert session.get_one(SpentState, "counter").spent_at == NOW + timedelta(seconds=320)


def test_a_moment_comes_back_in_utc_to_the_microsecond() -> None:
    elsewhere = timezone(timedelta(hours=-9, minutes=-30))
    with writing() as session:
        add(session, "a", NOW.astimezone(elsewhere))
    with reading() as session:
        found = session.get_one(SpentState, "a").spent_at
        assert found == NOW
        assert found.utcoffset() == timedelta(0)
        later = NOW - timedelta(microseconds=1)
        assert session.scalars(select(SpentState).where(SpentState.spent_at > later)).one()


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="naive"), writing() as session:
        add(session, "a", naive)
    assert count() == 0


@pytest.mark.rule(55)
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO spent_states (digest, spent_at) VALUES (:value, :moment)",
        "INSERT INTO spent_states (digest) VALUES (:value)",
        "INSERT INTO no_such_table (digest) VALUES (:value)",
    ],
    ids=["unique", "not null", "no table"],
)
def test_a_failing_statement_tells_no_value(statement: str) -> None:
    value = "made-up-and-not-to-be-told"
    with writing() as session:
        add(session, value)
    with pytest.raises(DBAPIError) as failure, writing() as session:
        session.execute(text(statement), {"value": value, "moment": "2026-11-22 14:05:30"})
    told = "".join(traceback.format_exception(failure.value)) + repr(failure.value)
    assert value not in told
    assert "spent_states" in told or "no_such_table" in told
