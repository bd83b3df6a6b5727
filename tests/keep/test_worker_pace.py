"""The worker goes as fast as it may, and looks no oftener than it must."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from time import monotonic

import pytest

from tests.fixtures.app import MakeApp
from tests.keep.standins import PATIENCE, with_provider
from tests.keep.test_worker import run
from tests.keep.world import World
from tests.services.grants import made_up
from tests.services.holding import runtime_of
from webapp.services.worker.worker import Worker
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


def asked(world: World, make_app: MakeApp, rate: str, lasting: float) -> list[float]:
    """Let a worker of this rate work; return when it began, and when it asked."""
    provider = Noting(world)
    app = make_app(REFRESH_RATE=rate)
    began = monotonic()
    worker = Worker(with_provider(runtime_of(app), provider), world.app.app_context)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(run, world, worker)
        wait([working], timeout=lasting)
        worker.stop()
        working.result(PATIENCE)
    return [began, *provider.asked]


def over(moments: list[float]) -> float:
    """Return the seconds from the first moment to the last."""
    return moments[-1] - moments[0]


@pytest.mark.parametrize(("pace", "rate"), [(1.0, "20"), (0.5, "40")])
def test_the_worker_goes_no_faster_than_its_rate_and_pace(
    world: World, make_app: MakeApp, pace: float, rate: str
) -> None:
    world.people(11)
    world.make_due()
    world.work(most=1)
    world.throttle(pace)
    moments = asked(world, make_app, rate, PATIENCE)
    assert len(moments) == 1 + 10
    # The first may go out at once, the tenth not before nine others would have been due.
    assert over(moments) >= 9 / 20


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.parametrize("pace", [1.0, 0.5])
def test_the_rate_of_refreshes_holds(world: World, make_app: MakeApp, pace: float) -> None:
    world.people(100)
    world.make_due()
    world.work(most=1)
    world.throttle(pace)
    _began, *moments = asked(world, make_app, "20", 3)
    assert (len(moments) - 1) / over(moments) == pytest.approx(20 * pace, rel=0.25)


def test_an_open_breaker_is_not_looked_at_a_hundred_times_a_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.people(2)
    world.make_due()
    world.sandbox.faults("token", "error200", grant_type="refresh_token", error="invalid_client")
    world.work(most=1)
    monkeypatch.setattr("webapp.services.worker.worker.POLL_SECONDS", 0.2)
    worker = Worker(world.runtime, world.app.app_context)
    looks: list[float] = []
    poll = worker._poll
    monkeypatch.setattr(worker, "_poll", lambda pool: (looks.append(monotonic()), poll(pool))[1])
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(run, world, worker, once=False)
        threading.Event().wait(0.7)
        worker.stop()
        working.result(PATIENCE)
    # At a hundred a second it would be seventy.
    assert 1 <= len(looks) <= 5
