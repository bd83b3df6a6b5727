"""Breaker and pace: our trouble and TikTok's mark nobody, and both heal by themselves."""

from datetime import timedelta

import pytest

from tests.keep.standins import Answering, with_provider
from tests.keep.world import World, seconds
from tests.services.holding import rows
from webapp.services import brakes
from webapp.services.refresh import Pending, ReconnectRequired, fresh
from webapp.services.worker import Worker
from webapp.tiktok.errors import ConnectAgain, OurConfiguration, TryLater

pytestmark = pytest.mark.usefixtures("each_database")


def standing(world: World) -> list[tuple[object, ...]]:
    """Return what of every row must not change by our own fault."""
    return [
        (u.access_token, u.refresh_token, u.version, u.status, u.failures, u.last_error, u.reason)
        for u in rows(world.app)
    ]


def looked(world: World) -> None:
    """Let a worker look and do what it may, until nothing may be done."""
    Worker(world.house, world.app.app_context).run(once=True)


@pytest.mark.rule(35)
@pytest.mark.parametrize(
    "code", ["invalid_client", "unauthorized_client", "invalid_request", "unsupported_grant_type"]
)
def test_a_refused_configuration_opens_the_breaker_and_marks_nobody(
    world: World, code: str
) -> None:
    people = world.people(3)
    world.make_due()
    before = standing(world)
    refused = with_provider(world.house, Answering(OurConfiguration(code)))
    world.work(refused)
    assert standing(world) == before
    state = world.brakes()
    assert (state.open_reason, state.open_code) == ("config", code)
    with pytest.raises(Pending):
        fresh(refused, people[0], rejected_version=1)
    assert world.calls() == 0
    world.assert_in_step(living=3)


@pytest.mark.rule(35)
def test_invalid_client_for_everybody_is_probed_every_half_minute_and_heals_by_itself(
    world: World,
) -> None:
    world.people(12)
    world.make_due()
    world.change(next_at=world.clock())
    world.sandbox.faults("token", "error200", grant_type="refresh_token", error="invalid_client")
    world.work()
    assert world.calls() == 12
    for probe in range(1, 4):
        looked(world)
        assert world.calls() == 11 + probe, "nothing may go out before the half minute is over"
        world.clock.advance(brakes.PROBE_EVERY)
        looked(world)
        assert world.calls() == 12 + probe
    world.assert_in_step(living=12)
    world.sandbox.forget_faults()
    world.clock.advance(brakes.PROBE_EVERY)
    looked(world)
    assert world.brakes().open_reason is None
    assert {user.version for user in rows(world.app)} == {2}
    world.assert_in_step(living=12)


@pytest.mark.rule(36)
def test_a_tiktok_that_is_down_opens_the_breaker_and_heals_by_itself(world: World) -> None:
    people = world.people(30)
    world.make_due()
    world.sandbox.faults("token", "http500", grant_type="refresh_token", status=503)
    world.work(most=19)
    assert world.brakes().open_reason is None
    world.work()
    assert world.brakes().open_reason == "transient"
    with pytest.raises(Pending):
        fresh(world.house, people[0], rejected_version=1, pressed=True)
    assert world.calls() == 30
    world.sandbox.forget_faults()
    for _look in range(3):
        world.clock.advance(minutes=1)
        looked(world)
    assert world.brakes().open_reason is None
    assert {(user.version, user.status) for user in rows(world.app)} == {(2, "active")}
    world.assert_in_step(living=30)


def test_the_probe_is_not_taken_where_nothing_is_due(world: World) -> None:
    open_id = world.person()
    world.make_due()
    world.work(with_provider(world.house, Answering(OurConfiguration("invalid_client"))))
    world.change(open_id, next_at=world.clock() + timedelta(minutes=10))
    world.clock.advance(brakes.PROBE_EVERY)
    looked(world)
    assert fresh(world.house, open_id, pressed=True).version == 2
    assert world.brakes().open_reason is None
    world.assert_in_step(living=1)


def test_callers_whom_the_back_off_holds_do_not_use_the_probe_up(world: World) -> None:
    held, due = world.people(2)
    world.make_due()
    world.work(with_provider(world.house, Answering(OurConfiguration("invalid_client"))))
    later = world.clock() + timedelta(minutes=10)
    world.change(held, status="failing", next_at=later)
    world.clock.advance(brakes.PROBE_EVERY)
    with pytest.raises(Pending):
        fresh(world.house, held, rejected_version=1)
    assert fresh(world.house, due, rejected_version=1).version == 2
    world.assert_in_step(living=2)


@pytest.mark.rule(34)
def test_a_mass_rejection_marks_nobody_and_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.people(60)
    world.make_due()
    refused = with_provider(world.house, Answering(ConnectAgain("invalid_grant")))
    for _look in range(4):
        world.work(refused)
        world.clock.advance(minutes=16)
    assert {user.status for user in rows(world.app)} == {"failing"}
    assert "mass_rejection" in caplog.text
    world.work()
    assert {(user.status, user.refused_at) for user in rows(world.app)} == {("active", None)}
    world.assert_in_step(living=60)


@pytest.mark.rule(34)
def test_a_mass_rejection_is_seen_in_the_very_group_that_brings_it(world: World) -> None:
    world.people(50)
    world.make_due()
    world.work(with_provider(world.house, Answering(ConnectAgain("invalid_grant"))))
    world.clock.advance(minutes=1)
    with_ok = "o" * brakes.WINDOW
    world.set_recent(with_ok)
    world.work(with_provider(world.house, Answering(ConnectAgain("invalid_grant"))))
    assert {user.status for user in rows(world.app)} == {"failing"}
    world.assert_in_step(living=50)


@pytest.mark.rule(34)
def test_a_few_among_many_are_marked_each_for_themselves(world: World) -> None:
    gone, *_others = people = world.people(30)
    world.sandbox.control("deauthorize", open_id=gone)
    for _look in range(2):
        world.make_due()
        world.work()
        world.clock.advance(minutes=1)
    with pytest.raises(ReconnectRequired):
        fresh(world.house, gone)
    world.assert_in_step(living=len(people) - 1)


@pytest.mark.rule(36)
def test_the_pace_halves_on_429_and_recovers_by_a_tenth_a_minute(world: World) -> None:
    world.person()
    throttled = with_provider(world.house, Answering(TryLater("x", status=429, retry_after=1)))
    for pace in (0.5, 0.25):
        world.make_due()
        world.work(throttled)
        assert brakes.pace(world.brakes(), world.clock()) == pytest.approx(pace)
    for pace in (0.35, 0.45):
        world.clock.advance(minutes=1)
        assert brakes.pace(world.brakes(), world.clock()) == pytest.approx(pace)
    world.clock.advance(minutes=6)
    assert brakes.pace(world.brakes(), world.clock()) == 1.0
    for _many in range(20):
        world.make_due()
        world.work(throttled)
    assert 0 < brakes.pace(world.brakes(), world.clock()) < 0.05
    assert rows(world.app)[0].failures == 0
    world.assert_in_step(living=1)


@pytest.mark.rule(36)
def test_back_off_binds_callers_and_tells_them_when_to_come_back(world: World) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    world.sandbox.faults("token", "http500", grant_type="refresh_token", times=1)
    with pytest.raises(Pending):
        fresh(world.house, open_id)
    for _caller in range(5):
        with pytest.raises(Pending) as pending:
            fresh(world.house, open_id)
    assert world.calls() == 1
    wait = pending.value.retry_after.total_seconds()
    assert wait == pytest.approx(seconds(world.row(open_id).next_at, world.clock()))
    world.wait_until_due(open_id)
    assert fresh(world.house, open_id).version == 2
    world.assert_in_step(living=1)


def test_a_person_who_presses_is_not_bound_by_the_back_off(world: World) -> None:
    open_id = world.person()
    world.make_due()
    world.sandbox.faults("token", "http500", grant_type="refresh_token", times=1)
    world.work()
    assert fresh(world.house, open_id, pressed=True).version == 2
    world.assert_in_step(living=1)
