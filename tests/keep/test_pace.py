"""How fast refreshes go: the pace of all, and the back-off of one."""

import pytest

from tests.keep.standins import Answering, with_provider
from tests.keep.world import World, seconds
from tests.services.holding import rows
from webapp.services.refresh import breaker
from webapp.services.refresh.on_demand import Pending, fresh_access
from webapp.services.worker import worker
from webapp.tiktok.errors import TryLater

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.rule(36)
def test_the_pace_halves_on_429_and_recovers_by_a_tenth_a_minute(world: World) -> None:
    world.person()
    throttled = with_provider(world.runtime, Answering(TryLater("x", status=429, retry_after=1)))
    for part in (0.5, 0.25):
        world.make_due()
        world.work(throttled)
        assert breaker.rate_factor(world.brakes(), world.clock()) == pytest.approx(part)
    for part in (0.35, 0.45):
        world.clock.advance(minutes=1)
        assert breaker.rate_factor(world.brakes(), world.clock()) == pytest.approx(part)
    world.clock.advance(minutes=6)
    assert breaker.rate_factor(world.brakes(), world.clock()) == 1.0
    for _many in range(20):
        world.make_due()
        world.work(throttled)
    assert 0 < breaker.rate_factor(world.brakes(), world.clock()) < 0.05
    assert rows(world.app)[0].failures == 0
    world.assert_in_step(living=1)


@pytest.mark.rule(36)
def test_back_off_binds_callers_and_tells_them_when_to_come_back(world: World) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    world.sandbox.faults("token", "http500", grant_type="refresh_token", times=1)
    with pytest.raises(Pending):
        fresh_access(world.runtime, open_id)
    for _caller in range(5):
        with pytest.raises(Pending) as pending:
            fresh_access(world.runtime, open_id)
    assert world.calls() == 1
    wait = pending.value.retry_after.total_seconds()
    assert wait == pytest.approx(seconds(world.row(open_id).next_at, world.clock()))
    world.wait_until_due(open_id)
    assert fresh_access(world.runtime, open_id).version == 2
    world.assert_in_step(living=1)


@pytest.mark.rule(36)
def test_a_person_who_presses_is_not_bound_by_the_back_off(world: World) -> None:
    open_id = world.person()
    world.make_due()
    world.sandbox.faults("token", "http500", grant_type="refresh_token", times=1)
    world.work()
    assert fresh_access(world.runtime, open_id, pressed=True).version == 2
    world.assert_in_step(living=1)


@pytest.mark.parametrize("part", [1.0, 0.5])
def test_the_bucket_gives_the_rate_exactly_whenever_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, part: float
) -> None:
    at = 1_000.0
    monkeypatch.setattr(worker.time, "monotonic", lambda: at)
    bucket = worker.TokenBucket(20)
    given = 0
    for _look in range(600):
        at += 0.1
        given += (count := bucket.allowance(part))
        bucket.spend(count)
    assert given == pytest.approx(60 * 20 * part, abs=1)
    at += 3_600
    assert bucket.allowance(part) == 20 * part, "an hour of sleep is worth one second"


def test_a_rate_below_one_a_second_comes_to_its_turn() -> None:
    bucket = worker.TokenBucket(0.5)
    assert bucket.allowance(1.0) == 0
    assert 0 < bucket.wait() <= 2
