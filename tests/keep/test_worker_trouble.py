"""A worker as a process, and a database in trouble just when its answers come; none is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.keep.hands import worker
from tests.keep.trouble import locked
from tests.keep.world import World
from tests.processes import Process, running
from tests.services.holding import rows

pytestmark = [
    pytest.mark.usefixtures("each_database"),
    pytest.mark.long,
    pytest.mark.timeout(240),
]

PEOPLE = 64
on_postgresql = pytest.mark.parametrize(
    "each_database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@contextmanager
def with_all_under_way(world: World, env: dict[str, str], folder: Path) -> Iterator[Process]:
    """Give a worker with 64 calls under way; then they all land, and it ends well."""
    world.people(PEOPLE)
    world.make_due()
    world.sandbox.latency(1.5, "token", after=True)
    with running(worker(env, folder)) as process:
        process.wait_for(lambda: world.sandbox.counters()["open_calls"] >= PEOPLE or None)
        yield process
        process.wait_for(lambda: all(user.version == 2 for user in rows(world.app)) or None, 60)
        assert process.stop() == 0
        assert "answer_rescued" not in process.output()
    assert world.calls() == PEOPLE
    assert {(user.status, user.claim) for user in rows(world.app)} == {("active", None)}
    world.assert_in_step(living=PEOPLE)


def all_answered(world: World) -> Callable[[], bool | None]:
    """Return what tells that TikTok has answered every call."""
    return lambda: world.sandbox.counters()["open_calls"] == 0 or None


@pytest.mark.rule(32)
def test_locked_for_25_seconds_at_commit_it_loses_nothing(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    with with_all_under_way(world, env, tmp_path) as process, locked(world.runtime, wholly=True):
        process.wait_for(all_answered(world))
        threading.Event().wait(25)
        assert process.popen.poll() is None


@on_postgresql
@pytest.mark.rule(32)
def test_cut_off_again_and_again_at_commit_it_loses_nothing(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    with with_all_under_way(world, env, tmp_path) as process:
        for _time in range(5):
            with locked(world.runtime):
                process.wait_for(lambda: cut_those_who_wait_for_a_lock(world))
    assert "store_retried" in process.output()


def cut_those_who_wait_for_a_lock(world: World) -> int | None:
    """End every connection that is in the middle of a write; return how many, None for none."""
    url = make_url(world.runtime.settings.database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchall()
    return len(ended) or None
