"""How a worker ends under load: asked to, it loses nothing; killed, only what is in flight."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.keep.hands import worker
from tests.keep.world import World
from tests.processes import Process
from tests.services.holding import opened, rows, sha256
from webapp.clock import utc_now
from webapp.database import writing
from webapp.models import User
from webapp.services.worker import Worker

pytestmark = [
    pytest.mark.usefixtures("each_database"),
    pytest.mark.long,
    pytest.mark.timeout(400),
]

TIMES = 10


@contextmanager
def under_load(world: World, env: dict[str, str], folder: Path, calls: int) -> Iterator[Process]:
    """Give a worker that has so many calls under way; it is dead at the end of the block."""
    process = worker(env, folder)
    try:
        process.wait_for(lambda: world.sandbox.counters()["open_calls"] >= calls or None)
        yield process
    finally:
        process.kill()


def make_unclaimed_due(world: World) -> None:
    """Let everybody be due whom no killed worker has left claimed."""
    change = update(User).where(User.claim.is_(None)).values(next_at=world.clock())
    with writing() as session:
        session.execute(change)


@pytest.mark.rule(32)
def test_asked_to_end_ten_times_with_sixty_four_in_flight_it_loses_nothing(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    world.people(200)
    world.sandbox.latency(0.5, "token")
    for _time in range(TIMES):
        make_unclaimed_due(world)
        with under_load(world, env, tmp_path, calls=64) as process:
            assert process.stop() == 0
        assert {user.claim for user in rows(world.app)} == {None}
        world.assert_in_step(living=200)
    assert world.calls() == world.refreshes() > TIMES * 64


@pytest.mark.rule(32)
def test_killed_ten_times_it_loses_only_what_was_in_flight_and_tells_it_as_interrupted(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    world.people(600)
    world.sandbox.latency(0.2, "token", after=True)
    for _time in range(TIMES):
        make_unclaimed_due(world)
        with under_load(world, env, tmp_path, calls=20) as process:
            process.kill()
    world.settle()
    lost = lost_grants(world)
    left = {user.open_id for user in rows(world.app) if user.claim is not None}
    assert lost
    assert lost <= left
    told(world)
    ended = {user.open_id: user.reason for user in rows(world.app) if user.status == "reconnect"}
    assert ended == dict.fromkeys(lost, "interrupted")
    assert {user.status for user in rows(world.app)} == {"active", "reconnect"}
    world.assert_in_step(spent=2 * len(lost), living=600 - len(lost))


def lost_grants(world: World) -> set[str]:
    """Return the open_ids whose stored refresh token is not the one that TikTok holds."""
    books = world.sandbox.books()
    return {
        user.open_id
        for user in rows(world.app)
        if sha256(str(opened(world.app, user).refresh_token))
        != books[user.open_id]["refresh_token_sha256"]
    }


def told(world: World) -> None:
    """Let the leases end, and a worker try twice, some minutes apart."""
    world.sandbox.latency(0)
    world.clock.now = utc_now()
    for _try in range(2):
        world.clock.advance(minutes=2)
        Worker(world.house, world.app.app_context).run(once=True)
