"""Breaker and pace: our trouble and TikTok's mark nobody, and both heal by themselves."""

from datetime import timedelta

import pytest

from tests.keep.standins import Answering, with_provider
from tests.keep.world import World
from tests.services.holding import rows
from webapp.services.refresh import breaker
from webapp.services.refresh.on_demand import Pending, fresh_access
from webapp.services.worker.worker import Worker
from webapp.tiktok.errors import OurConfiguration

pytestmark = pytest.mark.usefixtures("each_database")


def standing(world: World) -> list[tuple[object, ...]]:
    """Return what of every row must not change by our own fault."""
    return [
        (u.access_token, u.refresh_token, u.version, u.status, u.failures, u.last_error, u.reason)
        for u in rows(world.app)
    ]


def looked(world: World) -> None:
    """Let a worker look and do what it may, until nothing may be done."""
    Worker(world.runtime, world.app.app_context).run(once=True)


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
    refused = with_provider(world.runtime, Answering(OurConfiguration(code)))
    world.work(refused)
    assert standing(world) == before
    state = world.brakes()
    assert (state.open_reason, state.open_code) == ("config", code)
    with pytest.raises(Pending):
        fresh_access(refused, people[0], rejected_version=1)
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
        world.clock.advance(breaker.PROBE_EVERY)
        looked(world)
        assert world.calls() == 12 + probe
    world.assert_in_step(living=12)
    world.sandbox.forget_faults()
    world.clock.advance(breaker.PROBE_EVERY)
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
        fresh_access(world.runtime, people[0], rejected_version=1, pressed=True)
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
    world.work(with_provider(world.runtime, Answering(OurConfiguration("invalid_client"))))
    world.change(open_id, next_at=world.clock() + timedelta(minutes=10))
    world.clock.advance(breaker.PROBE_EVERY)
    looked(world)
    assert fresh_access(world.runtime, open_id, pressed=True).version == 2
    assert world.brakes().open_reason is None
    world.assert_in_step(living=1)


def test_callers_whom_the_back_off_holds_do_not_use_the_probe_up(world: World) -> None:
    held, due = world.people(2)
    world.make_due()
    world.work(with_provider(world.runtime, Answering(OurConfiguration("invalid_client"))))
    later = world.clock() + timedelta(minutes=10)
    world.change(held, status="failing", next_at=later)
    world.clock.advance(breaker.PROBE_EVERY)
    with pytest.raises(Pending):
        fresh_access(world.runtime, held, rejected_version=1)
    assert fresh_access(world.runtime, due, rejected_version=1).version == 2
    world.assert_in_step(living=2)
