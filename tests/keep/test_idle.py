"""REFRESH_IDLE_DAYS: what nobody uses is only kept alive, until somebody does."""

from datetime import timedelta

import pytest

from tests.fixtures.app import MakeApp
from tests.keep.world import World, seconds
from tests.services.holding import runtime_of
from webapp.services.refresh.on_demand import fresh_access

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
