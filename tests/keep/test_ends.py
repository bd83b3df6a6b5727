"""How a worker ends under load: asked to, it loses nothing; killed, only what is in flight."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
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
from webapp.services.worker.worker import Worker

pytestmark = [
    pytest.mark.usefixtures("each_database"),
    pytest.mark.long,
    pytest.mark.timeout(400),
]

TIMES = 10


@contextmanager
def under_load(world: World, env: dict[str, str], folder: Path, calls: int) -> Iterator[Process]:
    """Give a worker that has so many calls under way; it is dead at the end of the block."""
    world.settle()
    process = worker(env, folder)
    try:
        process.wait_for(lambda: world.sandbox.counters()["open_calls"] >= calls or None)
        yield process
    finally:
        process.kill()


def make_due(at: datetime, *, claimed: bool) -> None:
    """Let everybody be due then whom killed workers have left claimed, or whom they have not."""
    which = User.claim.is_not(None) if claimed else User.claim.is_(None)
    with writing() as session:
        session.execute(update(User).where(which).values(next_at=at))


@pytest.mark.rule(32)
def test_asked_to_end_ten_times_with_sixty_four_in_flight_it_loses_nothing(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    world.people(200)
    world.sandbox.latency(0.5, "token")
    for _time in range(TIMES):
        make_due(world.clock(), claimed=False)
        with under_load(world, env, tmp_path, calls=64) as process:
            assert process.stop() == 0
        assert {user.claim for user in rows(world.app)} == {None}
        world.assert_in_step(living=200)
    assert world.calls() == world.refreshes() > TIMES * 64


@pytest.mark.rule(32)
def test_killed_ten_times_it_loses_only_what_was_in_flight_and_tells_it_as_interrupted(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    world.people(2_000)
    world.sandbox.latency(0.3, "token", after=True)
    slowly = env | {"REFRESH_RATE": "200"}
    left: list[set[str]] = []
    for _time in range(TIMES):
        make_due(world.clock(), claimed=False)
        with under_load(world, slowly, tmp_path, calls=20) as process:
            process.kill()
        # So that no later one tries them, however long all of this takes.
        make_due(utc_now() + timedelta(hours=1), claimed=True)
        left.append({user.open_id for user in rows(world.app) if user.claim is not None})
    world.settle()
    lost = lost_grants(world)
    assert lost
    assert lost <= left[-1]
    assert all(after > before for before, after in pairwise([set(), *left])), "one left nothing"
    told(world)
    ended = {user.open_id: user.reason for user in rows(world.app) if user.status == "reconnect"}
    assert ended == dict.fromkeys(lost, "interrupted")
    assert {user.status for user in rows(world.app)} == {"active", "reconnect"}
    world.assert_in_step(spent=2 * len(lost), living=2_000 - len(lost))


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
    make_due(world.clock(), claimed=True)
    for _try in range(2):
        world.clock.advance(minutes=2)
        Worker(world.runtime, world.app.app_context).run(once=True)
