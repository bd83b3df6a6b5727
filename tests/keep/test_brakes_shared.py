"""What one process learns of TikTok holds for all of them, and heals for all of them."""

from pathlib import Path

import pytest

from tests.fixtures.app import MakeApp
from tests.keep.hands import worker
from tests.keep.standins import Answering, with_provider
from tests.keep.world import World
from tests.processes import running
from tests.services.crowd import at_once
from tests.services.holding import rows, runtime_of
from webapp.clock import utc_now
from webapp.services.refresh import breaker
from webapp.services.refresh.on_demand import Pending, fresh_access
from webapp.tiktok.errors import OurConfiguration, TryLater

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.rule(35)
def test_an_open_breaker_holds_everybody_and_lets_one_alone_probe(
    world: World, make_app: MakeApp
) -> None:
    open_id = world.person()
    world.make_due()
    world.work(with_provider(world.runtime, Answering(OurConfiguration("invalid_client"))))
    runtimes = [world.runtime, runtime_of(make_app())]
    with pytest.raises(Pending):
        fresh_access(runtimes[1], open_id, rejected_version=1)
    now = world.clock.advance(breaker.PROBE_EVERY)
    permits = at_once(
        world.app, 8, lambda number: breaker.permit(runtimes[number % 2], 5, now).count
    )
    assert sorted(permits) == [0] * 7 + [1]
    assert world.calls() == 0
    world.assert_in_step(living=1)


@pytest.mark.rule(36)
def test_a_pace_that_was_halved_is_halved_for_everybody(world: World, make_app: MakeApp) -> None:
    world.person()
    world.make_due()
    world.work(with_provider(world.runtime, Answering(TryLater("x", status=429))))
    assert breaker.permit(runtime_of(make_app()), 5, world.clock()).pace == 0.5


@pytest.mark.long
@pytest.mark.rule(35)
def test_what_a_worker_has_seen_holds_here_and_what_heals_here_heals_the_worker(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    *_others, last = world.people(12)
    world.make_due()
    breaker.current(world.runtime)
    world.sandbox.faults("token", "error200", grant_type="refresh_token", error="invalid_client")
    with running(worker(env | {"REFRESH_RATE": "10"}, tmp_path)) as process:
        process.wait_for(lambda: world.brakes().open_reason)
        asked = Answering(OurConfiguration("invalid_client"))
        # As the worker's: what happened later than now was written by a wrong clock.
        world.clock.now = utc_now()
        with pytest.raises(Pending):
            fresh_access(with_provider(world.runtime, asked), last, rejected_version=1)
        assert asked.calls == 0
        # What the worker had sent before is answered: it would close the breaker by itself.
        process.wait_for(lambda: all(user.claim is None for user in rows(world.app)) or None)
        world.sandbox.forget_faults()
        world.clock.now = utc_now() + breaker.PROBE_EVERY
        assert fresh_access(world.runtime, last, rejected_version=1).version == 2
        assert world.brakes().open_reason is None
        world.clock.now = utc_now()
        world.make_due()
        process.wait_for(lambda: all(user.version > 1 for user in rows(world.app)) or None)
        assert process.stop() == 0
    assert {user.status for user in rows(world.app)} == {"active"}
    world.assert_in_step(living=12)
