"""The worker goes as fast as it may, and looks no oftener than it must."""

import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from tests.fixtures.app import MakeApp
from tests.keep.standins import PATIENCE, with_provider
from tests.keep.test_worker import run
from tests.keep.world import World
from tests.services.grants import made_up
from tests.services.holding import house_of
from webapp.services.worker import Worker
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet

pytestmark = pytest.mark.usefixtures("each_database")


class Noting(Provider):
    """Answers at once, and remembers when it was asked."""

    def __init__(self, world: World) -> None:
        """Take the world for its clock."""
        self._world = world
        self.asked: list[float] = []

    def refresh(self, refresh_token: str) -> TokenSet:
        """Return an answer that no TikTok gave."""
        self.asked.append(monotonic())
        return made_up(self._world.clock(), open_id=None)


def test_the_rate_of_refreshes_holds(world: World, make_app: MakeApp) -> None:
    world.people(100)
    world.make_due()
    provider = Noting(world)
    app = make_app(REFRESH_RATE="20")
    worker = Worker(with_provider(house_of(app), provider), world.app.app_context)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(run, world, worker, once=False)
        threading.Event().wait(3)
        worker.stop()
        working.result(PATIENCE)
    first, *_between, last = provider.asked
    assert (len(provider.asked) - 1) / (last - first) == pytest.approx(20, rel=0.2)


def test_half_a_pace_is_half_the_rate(world: World, make_app: MakeApp) -> None:
    world.people(60)
    world.make_due()
    world.work(most=1)
    world.throttle(0.5)
    provider = Noting(world)
    app = make_app(REFRESH_RATE="20")
    worker = Worker(with_provider(house_of(app), provider), world.app.app_context)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(run, world, worker, once=False)
        threading.Event().wait(3)
        worker.stop()
        working.result(PATIENCE)
    first, *_between, last = provider.asked
    assert (len(provider.asked) - 1) / (last - first) == pytest.approx(10, rel=0.25)


def test_an_open_breaker_is_not_looked_at_a_hundred_times_a_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.people(2)
    world.make_due()
    world.sandbox.faults("token", "error200", grant_type="refresh_token", error="invalid_client")
    world.work(most=1)
    worker = Worker(world.house, world.app.app_context)
    looks: list[float] = []
    look = worker._look
    monkeypatch.setattr(worker, "_look", lambda pool: (looks.append(monotonic()), look(pool))[1])
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(run, world, worker, once=False)
        threading.Event().wait(2)
        worker.stop()
        working.result(PATIENCE)
    assert 1 <= len(looks) <= 5
