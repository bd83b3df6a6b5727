"""From the outbox to a receiver: at least once, never two at once, patiently, and not for ever."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.keep.standins import PATIENCE
from tests.keep.world import World
from tests.notices.told import (
    BROKEN,
    GONE,
    SILENT,
    TAKEN,
    Receiver,
    deliver,
    rows,
    seconds,
    tell,
    the_row,
)
from webapp.database import writing
from webapp.models import Notification
from webapp.models.notification import NEVER
from webapp.notify import ReceiverAnswer
from webapp.services.notifications import delivery, outbox, retry_schedule
from webapp.services.runtime import Runtime

both = pytest.mark.usefixtures("each_database")


def test_what_was_taken_is_sent_once_and_no_longer_names_the_person(world: World) -> None:
    message_id = tell(world.runtime)
    receiver = Receiver(TAKEN)
    assert deliver(world.runtime, receiver) == 1
    assert [each for each, _body in receiver.came] == [message_id]
    row = the_row()
    assert (row.next_at, row.delivered_at, row.last_answer) == (None, world.clock(), "204")
    assert "made-up-0" in receiver.came[0][1]
    assert "made-up-0" not in row.body
    world.clock.advance(hours=40)
    assert deliver(world.runtime, receiver) == 0


@both
def test_it_is_tried_eight_times_in_a_day_and_a_bit_then_given_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    message_id = tell(world.runtime)
    receiver = Receiver(BROKEN)
    waits: list[float] = []
    while deliver(world.runtime, receiver) and (due := the_row().next_at) != NEVER:
        waits.append(seconds(due, world.clock()))
        world.clock.advance(seconds=waits[-1] - 0.5)
        assert deliver(world.runtime, receiver) == 0
        world.clock.advance(seconds=1)
    expected = [5, 300, 1800, 7200, 18000, 36000, 36000]
    pairs = zip(waits, expected, strict=True)
    assert all(pause <= wait <= 1.1 * pause for wait, pause in pairs), waits
    assert {each for each, _body in receiver.came} == {message_id}
    row = the_row()
    assert (len(receiver.came), row.tries, row.delivered_at, row.last_answer) == (8, 8, None, "500")
    assert "notification_given_up" in caplog.text
    world.clock.advance(hours=24)
    assert deliver(world.runtime, receiver) == 0


def test_a_receiver_that_is_gone_is_not_asked_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    tell(world.runtime)
    assert deliver(world.runtime, Receiver(GONE)) == 1
    row = the_row()
    assert (row.next_at, row.delivered_at, row.last_answer) == (NEVER, None, "410")
    assert "notification_given_up" in caplog.text


def test_a_receiver_that_was_away_is_told_when_it_is_back(world: World) -> None:
    tell(world.runtime)
    receiver = Receiver(SILENT, BROKEN, TAKEN)
    for _try in range(3):
        deliver(world.runtime, receiver)
        world.clock.advance(minutes=6)
    assert the_row().delivered_at is not None
    assert len({each for each, _body in receiver.came}) == 1


@pytest.mark.parametrize(
    ("tries", "wait", "least", "most"),
    [(1, 0, 5, 5.5), (1, 120, 120, 120), (1, 3600, 3600, 3600), (4, 60, 7200, 7920)],
)
def test_a_receiver_that_asks_for_a_pause_gets_it(
    tries: int, wait: int, least: float, most: float, now: datetime
) -> None:
    again = retry_schedule.next_try_at(tries, ReceiverAnswer(429, "429", wait), now)
    assert least <= seconds(again, now) <= most


@pytest.fixture
def now() -> datetime:
    """Some moment."""
    return datetime.fromisoformat("2026-11-22T12:00:00+00:00")


@both
def test_three_workers_send_a_notice_once(world: World, app: Flask) -> None:
    for number in range(20):
        tell(world.runtime, number)
    receiver = Receiver(TAKEN)
    gate = threading.Barrier(3)

    def work(_worker: int) -> None:
        gate.wait()
        with app.app_context():
            deliver(world.runtime, receiver)

    with ThreadPoolExecutor(3) as workers:
        list(workers.map(work, range(3)))
    # One that finds a row locked passes it by; the one that locked it sends it.
    deliver(world.runtime, receiver)
    came = [each for each, _body in receiver.came]
    assert sorted(came) == sorted(row.message_id for row in rows())
    assert len(set(came)) == 20


@both
def test_what_a_killed_worker_had_under_way_is_sent_again_under_the_same_id(world: World) -> None:
    message_id = tell(world.runtime)
    (lost,) = outbox.claim(world.clock(), 8)
    receiver = Receiver(TAKEN)
    assert deliver(world.runtime, receiver) == 0
    world.clock.advance(seconds=31)
    assert deliver(world.runtime, receiver) == 1
    assert [each for each, _body in receiver.came] == [message_id] == [lost.message_id]


def test_a_late_failure_does_not_undo_what_another_worker_delivered(world: World) -> None:
    tell(world.runtime)
    (slow,) = outbox.claim(world.clock(), 8)
    world.clock.advance(seconds=31)
    deliver(world.runtime, Receiver(TAKEN))
    outbox.store_results([(slow, SILENT)], world.clock())
    row = the_row()
    assert (row.next_at, row.last_answer) == (None, "204")


def test_a_late_yes_spares_a_try_that_is_still_to_come(world: World) -> None:
    tell(world.runtime)
    (slow,) = outbox.claim(world.clock(), 8)
    world.clock.advance(seconds=31)
    deliver(world.runtime, Receiver(BROKEN))
    outbox.store_results([(slow, TAKEN)], world.clock())
    assert (the_row().next_at, the_row().delivered_at) == (None, world.clock())


def test_one_that_cannot_be_sent_costs_the_others_nothing(world: World) -> None:
    bad = tell(world.runtime)
    tell(world.runtime, 1)

    class Breaking(Receiver):
        def __call__(self, message_id: str, body: str) -> ReceiverAnswer:
            if message_id == bad:
                raise UnicodeError("made up")
            return super().__call__(message_id, body)

    assert deliver(world.runtime, Breaking(TAKEN)) == 2
    first, second = rows()
    assert (first.last_answer, second.last_answer) == ("UnicodeError", "204")
    assert first.next_at is not None
    assert first.next_at < NEVER


@both
def test_delivered_ones_are_kept_a_week_and_others_two(world: World) -> None:
    for number in range(4):
        tell(world.runtime, number)
    now = world.clock()
    old = [
        {"next_at": None, "delivered_at": now - timedelta(days=6), "created_at": now},
        {"next_at": None, "delivered_at": now - timedelta(days=8)},
        {"next_at": NEVER, "created_at": now - timedelta(days=13)},
        {"created_at": now - timedelta(days=15)},
    ]
    kept = [rows()[0].id, rows()[2].id]
    with writing() as session:
        for row, columns in zip(rows(), old, strict=True):
            session.execute(update(Notification).where(Notification.id == row.id).values(columns))
    assert outbox.remove_old(now) == 2
    assert [row.id for row in rows()] == kept


class TestTheThread:
    """The thread beside the worker; its receiver answers in this process."""

    @pytest.fixture
    def receiver(self, monkeypatch: pytest.MonkeyPatch) -> Receiver:
        """Take what the thread sends."""
        made = Receiver(TAKEN)
        monkeypatch.setattr(delivery, "make_sender", lambda _runtime: made)
        return made

    def test_ends_when_nothing_is_due_any_more(
        self, runtime: Runtime, app: Flask, receiver: Receiver
    ) -> None:
        for number in range(20):
            tell(runtime, number)
        thread = delivery.Delivery(runtime, app.app_context)
        thread.start()
        thread.end(drain=True)
        assert len(receiver.came) == 20

    def test_sends_nothing_after_it_was_stopped(
        self, runtime: Runtime, app: Flask, receiver: Receiver
    ) -> None:
        tell(runtime)
        thread = delivery.Delivery(runtime, app.app_context)
        thread.stop()
        thread.start()
        thread.end(drain=True)
        assert receiver.came == []

    def test_lives_through_a_database_that_is_away(
        self,
        runtime: Runtime,
        app: Flask,
        receiver: Receiver,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        tell(runtime)
        true, asked = outbox.is_due, threading.Event()

        def away_at_first(now: datetime) -> bool:
            if not asked.is_set():
                asked.set()
                raise RuntimeError("made up")
            return true(now)

        monkeypatch.setattr(outbox, "is_due", away_at_first)
        monkeypatch.setattr(delivery, "POLL_EVERY", 0.01)
        thread = delivery.Delivery(runtime, app.app_context)
        thread.start()
        assert asked.wait(10)
        thread.end(drain=True)
        assert "delivery_crashed" in caplog.text


@both
def test_two_transactions_at_the_same_time_add_one_alarm(world: World) -> None:
    added, go_on = threading.Event(), threading.Event()

    def add(held: bool) -> None:
        with world.app.app_context(), writing() as session:
            outbox.enqueue_alarm(session, world.runtime, world.clock(), "breaker", "busy", None)
            session.flush()
            added.set()
            if held:
                assert go_on.wait(PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(add, True)
        assert added.wait(PATIENCE)
        second = pool.submit(add, False)
        # Without a lock, the second ends here, before the first is committed.
        wait([second], timeout=0.3)
        go_on.set()
        first.result(PATIENCE)
        second.result(PATIENCE)
    assert len(rows()) == 1
