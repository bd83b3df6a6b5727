"""REFRESH_IDLE_DAYS: what nobody uses is only kept alive, until someone does."""

from datetime import timedelta

import pytest

from tests.fixtures.app import MakeApp
from tests.keep.standins import Answering, with_provider
from tests.keep.world import World, seconds
from tests.services.holding import runtime_of
from webapp.services.refresh.on_demand import fresh_access
from webapp.tokens import TokenSet

pytestmark = pytest.mark.usefixtures("each_database")


def test_what_nobody_uses_is_refreshed_only_to_stay_alive(world: World, make_app: MakeApp) -> None:
    runtime = runtime_of(make_app(REFRESH_IDLE_DAYS="7"))
    used, idle, young = world.people(3)
    now = world.clock()
    for open_id, days in ((used, 6), (idle, 8)):
        ago = now - timedelta(days=days)
        world.change(open_id, last_used_at=ago, connected_at=now - timedelta(days=90))
    world.make_due()
    world.work(runtime)
    for open_id in (used, young):
        assert 3600 <= seconds(world.row(open_id).next_at, now) <= 5400
    assert timedelta(days=90) <= (world.row(idle).next_at or now) - now <= timedelta(days=135)
    world.assert_in_step(living=3)


@pytest.mark.rule(38)
def test_an_answer_without_the_end_of_the_grant_keeps_the_known_one(
    world: World, make_app: MakeApp
) -> None:
    runtime = runtime_of(make_app(REFRESH_IDLE_DAYS="7"))
    open_id = world.person()
    world.clock.advance(days=30)
    grant_ends = world.row(open_id).refresh_expires_at
    now = world.clock()
    answer = TokenSet("a", "r", None, None, now + timedelta(hours=2), None)
    world.work(with_provider(runtime, Answering(answer)))
    user = world.row(open_id)
    assert user.refresh_expires_at == grant_ends
    # Idle, so refreshed by the grant's end and not every two hours.
    left = seconds(grant_ends, now)
    assert left * 0.5 <= seconds(user.next_at, now) <= left * 0.75


def test_what_somebody_uses_again_is_kept_fresh_again(world: World, make_app: MakeApp) -> None:
    runtime = runtime_of(make_app(REFRESH_IDLE_DAYS="7"))
    open_id = world.person()
    world.clock.advance(days=30)
    fresh_access(runtime, open_id)
    user = world.row(open_id)
    assert user.last_used_at == world.clock()
    assert 3600 <= seconds(user.next_at, world.clock()) <= 5400
    world.assert_in_step(living=1)


def test_by_default_everybody_is_kept_fresh(world: World) -> None:
    open_id = world.person()
    world.change(open_id, connected_at=world.clock() - timedelta(days=1000))
    world.make_due()
    world.work()
    assert 3600 <= seconds(world.row(open_id).next_at, world.clock()) <= 5400
