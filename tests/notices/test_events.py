"""Every transition is told, with its change and only then; nothing is told twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from tests.fixtures.app import MakeApp
from tests.keep.standins import Answering, with_provider
from tests.keep.world import World
from tests.notices.told import TAKEN, Receiver, deliver, events, rows, told
from tests.services.grants import given, join
from tests.webhooks.notices import TikTok
from webapp.database import writing
from webapp.models import User
from webapp.services.connect import disconnect
from webapp.services.connect.connect import DifferentAccount, connect_person
from webapp.services.notifications import outbox
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt, end_if_expired
from webapp.services.refresh.claims import claim_due
from webapp.services.refresh.on_demand import ReconnectRequired, fresh_access
from webapp.services.runtime import Runtime
from webapp.tiktok.errors import ConnectAgain, OurConfiguration, TryLater

NEEDED, RESTORED = "connection.reconnect_required", "connection.restored"
REVOKED, ALARM = "connection.revoked", "fleet.alarm"
Act = Callable[[], object]
both = pytest.mark.usefixtures("each_database")
REFUSED = Answering(ConnectAgain("invalid_grant"))


def refused_twice(world: World) -> None:
    """Let TikTok refuse what is due, and again a minute later."""
    runtime = with_provider(world.runtime, REFUSED)
    for _look in range(2):
        make_due(world)
        world.work(runtime)
        world.clock.advance(minutes=1, seconds=1)


def make_due(world: World) -> None:
    """Let everybody be due whose connection does not need them."""
    kept = update(User).where(User.status.in_(("active", "failing")))
    with writing() as session:
        session.execute(kept.values(next_at=world.clock() - timedelta(seconds=1)))


def at_once(*acts: Act) -> None:
    """Let all acts happen at the same moment, each in a thread of its own."""
    gate = threading.Barrier(len(acts))

    def act(what: Act) -> None:
        gate.wait()
        what()

    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(act, acts))


@both
def test_the_second_refusal_is_told_and_not_the_first(world: World) -> None:
    mara = world.person()
    runtime = with_provider(world.runtime, REFUSED)
    world.make_due()
    world.work(runtime)
    assert events() == []
    world.clock.advance(minutes=1, seconds=1)
    world.make_due()
    world.work(runtime)
    row = world.row(mara)
    assert told(NEEDED) == [
        {
            "open_id": mara,
            "ticket": row.ticket,
            "reason": "refused",
            "since": row.ended_at and row.ended_at.isoformat(),
        }
    ]
    refused_twice(world)
    assert events() == [NEEDED]


@both
def test_three_workers_that_bring_the_same_refusal_home_tell_it_once(
    world: World, app: Flask
) -> None:
    world.person()
    runtime = with_provider(world.runtime, REFUSED)
    world.make_due()
    world.work(runtime)
    world.clock.advance(minutes=1, seconds=1)
    world.make_due()
    (claim,) = claim_due(runtime, 1, world.clock())
    results = [attempt(runtime, claim) for _worker in range(3)]

    def landing(number: int) -> Act:
        def land_it() -> None:
            with app.app_context():
                store_answers(runtime, [results[number]])

        return land_it

    at_once(*map(landing, range(3)))
    assert events() == [NEEDED]


@both
def test_a_grant_that_is_over_is_told_once(world: World) -> None:
    mara = world.person()
    world.change(mara, refresh_expires_at=world.clock() - timedelta(seconds=1))
    world.make_due()
    (claim,) = claim_due(world.runtime, 1, world.clock())
    for _worker in range(3):
        assert end_if_expired(world.runtime, claim)
    assert [each["reason"] for each in told(NEEDED)] == ["grant_over"]
    with pytest.raises(ReconnectRequired):
        fresh_access(world.runtime, mara)
    assert events() == [NEEDED]


@both
def test_two_webhooks_of_one_removal_tell_it_once(world: World, app: Flask) -> None:
    mara = world.person()
    world.clock.advance(seconds=2)
    tiktok = TikTok(app, world.clock)
    at_once(*[lambda: tiktok.removes(mara)] * 2)
    tiktok.removes(mara, reason=3)
    assert [each["reason"] for each in told(NEEDED)] == ["removed_1"]
    assert events() == [NEEDED]


def test_a_webhook_about_a_connection_that_needs_its_person_already_tells_nothing_new(
    world: World, app: Flask
) -> None:
    mara = world.person()
    refused_twice(world)
    TikTok(app, world.clock).removes(mara)
    assert world.row(mara).reason == "removed_1"
    assert events() == [NEEDED]


@both
def test_who_connects_again_is_told_to_be_back_once(world: World) -> None:
    mara = world.person()
    refused_twice(world)
    tokens = given(world.sandbox, world.clock())
    join(world.runtime, tokens)
    join(world.runtime, tokens)
    assert events() == [NEEDED, RESTORED]
    assert told(RESTORED) == [{"open_id": mara, "ticket": world.row(mara).ticket}]


def test_a_sign_in_for_another_that_brings_a_connection_back_is_told(world: World) -> None:
    mara = world.person()
    refused_twice(world)
    tokens = given(world.sandbox, world.clock())
    with pytest.raises(DifferentAccount):
        connect_person(world.runtime, tokens, ["user.info.basic"], "somebody-else", world.clock())
    assert world.row(mara).status == "active"
    assert events() == [NEEDED, RESTORED]


def test_who_connects_for_the_first_time_or_without_need_is_not_told(world: World) -> None:
    world.person()
    world.person()
    assert events() == []


def test_who_comes_back_after_a_disconnect_is_not_told_as_restored(world: World) -> None:
    mara = world.person()
    disconnect.disconnect_person(world.runtime, world.row(mara).ref)
    world.person()
    assert events() == [REVOKED]


@both
def test_a_disconnect_is_told_once_however_often_it_is_pressed(world: World, app: Flask) -> None:
    mara = world.person()
    user = world.row(mara)

    def press() -> None:
        with app.app_context():
            disconnect.disconnect_person(world.runtime, user.ref)

    at_once(press, press)
    press()
    world.clock.advance(seconds=2)
    TikTok(app, world.clock).removes(mara, reason=5)
    assert told() == [{"open_id": mara, "ticket": user.ticket, "confirmed": True}]
    assert events() == [REVOKED]


def test_a_disconnect_that_the_worker_finishes_is_told_when_it_is_over(world: World) -> None:
    mara = world.person()
    world.sandbox.faults("revoke", "http500", times=1)
    disconnect.disconnect_person(world.runtime, world.row(mara).ref)
    assert events() == []
    user = world.row(mara)
    disconnect.finish_disconnect(world.runtime, user)
    disconnect.finish_disconnect(world.runtime, user)
    assert events() == [REVOKED]


def test_tiktoks_own_word_for_our_revoke_ends_a_waiting_disconnect_and_is_told(
    world: World, app: Flask
) -> None:
    mara = world.person()
    world.sandbox.faults("revoke", "http500", times=1)
    disconnect.disconnect_person(world.runtime, world.row(mara).ref)
    world.clock.advance(seconds=2)
    tiktok = TikTok(app, world.clock)
    at_once(*[lambda: tiktok.removes(mara, reason=5)] * 2)
    assert events() == [REVOKED]


def test_a_disconnect_of_what_tiktok_has_removed_is_told_as_well(world: World, app: Flask) -> None:
    mara = world.person()
    world.clock.advance(seconds=2)
    TikTok(app, world.clock).removes(mara)
    for _press in range(2):
        disconnect.disconnect_person(world.runtime, world.row(mara).ref)
    assert events() == [NEEDED, REVOKED]


@both
def test_who_is_deleted_is_told_as_revoked_and_as_nothing_else(world: World) -> None:
    mara = world.person()
    refused_twice(world)
    world.person("tomas")
    refused_twice(world)
    assert events() == [NEEDED, NEEDED]
    disconnect.delete_person(world.runtime, world.row(mara).ref)
    assert events() == [NEEDED, REVOKED]
    assert [each["open_id"] == mara for each in told()] == [False, True]


def test_nothing_of_a_deleted_person_is_left_once_it_was_told(world: World) -> None:
    mara = world.person()
    refused_twice(world)
    disconnect.delete_person(world.runtime, world.row(mara).ref)
    receiver = Receiver(TAKEN)
    assert deliver(world.runtime, receiver) == 1
    assert mara in receiver.came[0][1]
    assert not any(mara in row.body for row in rows())


@both
def test_the_breaker_is_told_when_it_opens_and_not_while_it_is_open(world: World) -> None:
    world.people(3)
    runtime = with_provider(world.runtime, Answering(OurConfiguration("invalid_client")))
    for _look in range(3):
        world.make_due()
        world.work(runtime)
    assert told() == [{"alarm": "breaker", "reason": "config", "code": "invalid_client"}]
    assert events() == [ALARM]


def test_a_breaker_that_opens_and_closes_every_moment_is_told_once_in_ten_minutes(
    world: World,
) -> None:
    world.people(2)
    broken = with_provider(world.runtime, Answering(OurConfiguration("invalid_client")))
    for _time in range(3):
        for runtime in (broken, world.runtime):
            world.make_due()
            world.work(runtime)
    assert world.brakes().open_reason is None
    assert events() == [ALARM]
    world.clock.advance(minutes=10)
    world.make_due()
    world.work(broken)
    assert events() == [ALARM, ALARM]


def test_a_silent_tiktok_is_told_for_another_reason(world: World) -> None:
    world.people(20)
    world.make_due()
    world.work(with_provider(world.runtime, Answering(TryLater("timeout", reached=False))))
    assert told() == [{"alarm": "breaker", "reason": "transient", "code": None}]


@both
def test_a_mass_rejection_is_told_when_it_begins_and_not_for_every_group(world: World) -> None:
    world.people(27)
    runtime = with_provider(world.runtime, REFUSED)
    for _look in range(2):
        world.make_due()
        for _group in range(3):
            world.work(runtime, most=9)
        world.clock.advance(minutes=1)
    assert told() == [{"alarm": "mass_rejection", "reason": "refused", "code": None}]
    assert events() == [ALARM]


@both
def test_three_workers_in_one_mass_rejection_tell_it_once(world: World, app: Flask) -> None:
    world.people(27)
    runtime = with_provider(world.runtime, REFUSED)
    world.make_due()
    groups = [claim_due(runtime, 9, world.clock()) for _worker in range(3)]

    def landing(number: int) -> Act:
        def land_it() -> None:
            with app.app_context():
                store_answers(runtime, [attempt(runtime, claim) for claim in groups[number]])

        return land_it

    at_once(*map(landing, range(3)))
    assert events() == [ALARM]


def test_a_change_that_is_rolled_back_tells_nothing(world: World) -> None:
    def fail() -> None:
        with writing() as session:
            outbox.enqueue(session, world.runtime, world.clock(), ALARM, {"alarm": "breaker"})
            raise RuntimeError("made up")

    with pytest.raises(RuntimeError, match="made up"):
        fail()
    assert events() == []


def test_where_nobody_is_to_be_told_nothing_is_kept(world: World, make_app: MakeApp) -> None:
    app = make_app(NOTIFY_URL=None)
    silent: Runtime = app.extensions["coatcheck"]
    mara = world.person()
    with app.app_context():
        disconnect.disconnect_person(silent, world.row(mara).ref)
    assert events() == []


@both
def test_an_exchange_that_is_not_kept_does_not_tell_that_the_connection_is_back(
    world: World, app: Flask
) -> None:
    older = replace(given(world.sandbox, world.clock()), sent_at=world.clock())
    world.clock.advance(seconds=1)
    newer = replace(given(world.sandbox, world.clock()), sent_at=world.clock())
    mara = join(world.runtime, newer).open_id
    world.clock.advance(seconds=2)
    TikTok(app, world.clock).removes(mara)
    join(world.runtime, older)
    assert world.row(mara).status == "reconnect"
    assert events() == [NEEDED]
