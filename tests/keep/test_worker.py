"""The worker in this process: its pace, its end, what it keeps alive and what it closes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.keep.standins import PATIENCE, Held, Meanwhile, with_provider
from tests.keep.world import World
from tests.services.holding import assert_forgotten, rows
from webapp.services.connect import disconnect
from webapp.services.refresh.due import lag
from webapp.services.worker.worker import Worker

pytestmark = pytest.mark.usefixtures("each_database")


def run(world: World, worker: Worker, *, once: bool = True) -> None:
    """Let a worker work, in whatever thread this is."""
    with world.app.app_context():
        worker.run(once=once)


@pytest.mark.rule(33)
def test_two_hundred_due_rows_are_refreshed_each_once_by_three_workers(world: World) -> None:
    world.people(200)
    world.make_due(expired=True)
    world.sandbox.latency(0.1, "token")
    workers = [Worker(world.runtime, world.app.app_context) for _number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda worker: run(world, worker), workers))
    assert sum(worker.counters.snapshot().get("refreshed", 0) for worker in workers) == 200
    assert (world.calls(), world.refreshes()) == (200, 200)
    assert {user.version for user in rows(world.app)} == {2}
    assert lag(world.runtime, world.clock()) == 0
    world.assert_in_step(living=200)


@pytest.mark.rule(32)
def test_a_worker_that_is_stopped_brings_home_what_is_under_way_and_claims_no_more(
    world: World,
) -> None:
    world.people(64)
    world.make_due()
    provider = Held(world.runtime.provider)
    worker = Worker(with_provider(world.runtime, provider), world.app.app_context)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(run, world, worker, once=False)
        assert provider.answered.wait(PATIENCE)
        worker.stop()
        late = world.person("mara")
        world.change(late, next_at=world.clock())
        provider.release.set()
        working.result(PATIENCE)
    assert worker.counters.snapshot() == {"refreshed": world.refreshes()}
    assert world.row(late).version == 1
    assert {user.claim for user in rows(world.app)} == {None}
    world.assert_in_step(living=65)


@pytest.mark.rule(39)
def test_a_grant_that_is_over_is_closed_without_a_call(world: World) -> None:
    over, lives = world.people(2)
    world.change(over, refresh_expires_at=world.clock() - timedelta(seconds=1))
    world.make_due()
    run(world, Worker(world.runtime, world.app.app_context))
    user = world.row(over)
    assert (user.status, user.reason, user.next_at) == ("reconnect", "grant_over", None)
    assert (user.ended_at, user.claim) == (world.clock(), None)
    assert world.row(lives).version == 2
    assert world.calls() == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(40)
def test_a_revoke_that_nobody_finished_is_finished_by_the_worker(world: World) -> None:
    open_id = world.person()
    world.change(open_id, status="revoking", version=2, next_at=world.clock())
    run(world, Worker(world.runtime, world.app.app_context))
    assert_forgotten(world.row(open_id))
    assert world.sandbox.books()[open_id]["ended"] == "revoked"
    world.assert_in_step(living=0)


@pytest.mark.rule(40)
def test_a_revoke_without_a_refresh_token_is_not_left_lying(world: World) -> None:
    open_id = world.person()
    world.change(open_id, refresh_token=None)
    world.sandbox.faults("revoke", "http500", times=1)
    assert not disconnect.disconnect_person(world.runtime, world.row(open_id).ref).forgotten
    world.wait_until_due(open_id)
    run(world, Worker(world.runtime, world.app.app_context))
    assert_forgotten(world.row(open_id))


def test_who_connects_again_while_the_worker_revokes_stays_connected(world: World) -> None:
    open_id = world.person()
    world.change(open_id, status="revoking", version=2, next_at=world.clock())

    class Reconnecting(Meanwhile):
        def revoke(self, access_token: str) -> None:
            super().revoke(access_token)
            world.person()

    runtime = with_provider(world.runtime, Reconnecting(world.runtime.provider))
    run(world, Worker(runtime, world.app.app_context))
    assert world.row(open_id).status == "active"
    world.assert_in_step(living=1)


def test_a_caller_thread_that_breaks_gives_its_place_back(world: World) -> None:
    """What breaks is told and tried again: neither the claim nor the worker is stuck."""
    world.people(5)
    world.make_due()

    def broken() -> None:
        raise LookupError("made up")

    runtime = with_provider(world.runtime, Meanwhile(world.runtime.provider, before=broken))
    worker = Worker(runtime, world.app.app_context)
    run(world, worker)
    assert worker.counters.snapshot() == {"failed": 5}
    assert {(u.status, u.claim, u.last_error) for u in rows(world.app)} == {
        ("failing", None, "LookupError")
    }
    world.clock.advance(minutes=1)
    run(world, Worker(world.runtime, world.app.app_context))
    world.assert_in_step(living=5)
