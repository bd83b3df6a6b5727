"""Four processes of callers on one row, three workers on ten thousand: each grant spent once."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.keep.hands import callers, go, said, worker
from tests.keep.world import World
from tests.processes import Process, running
from tests.services.holding import rows
from webapp.services.refresh.due import overdue

pytestmark = [pytest.mark.usefixtures("each_database"), pytest.mark.long]

ROUNDS = 6


def _has_said(each: Process, lines: int) -> bool | None:
    return len(said(each)) >= lines or None


@pytest.mark.rule(33)
def test_four_processes_of_sixteen_callers_make_one_refresh_a_round(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    open_id = world.person()
    world.sandbox.latency(0.3, "token")
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(running(callers(env, tmp_path, number, open_id)))
            for number in range(4)
        ]
        for each in crowd:
            each.wait_for(partial(_has_said, each, 1))
        for number in range(ROUNDS):
            world.make_due(expired=True)
            go(tmp_path, number)
            for each in crowd:
                each.wait_for(partial(_has_said, each, number + 2))
        (tmp_path / "over").touch()
        assert [each.wait() for each in crowd] == [0] * 4
    expected = ["round - ready", *(f"round {number} v{number + 2}" for number in range(ROUNDS))]
    assert [said(each) for each in crowd] == [expected] * 4
    assert world.calls() == ROUNDS
    world.assert_in_step(living=1)


@pytest.mark.timeout(400)
@pytest.mark.rule(33)
def test_three_workers_refresh_ten_thousand_due_rows_each_once(
    world: World, env: dict[str, str], tmp_path: Path
) -> None:
    world.people(10_000)
    world.make_due(expired=True)
    world.sandbox.latency(0.3, "token")
    with ExitStack() as stack:
        workers = [
            stack.enter_context(running(worker(env, tmp_path, number))) for number in range(3)
        ]
        workers[0].wait_for(
            lambda: None if overdue(world.runtime, world.clock()) else True, seconds=240
        )
        assert [each.stop() for each in workers] == [0] * 3
    counters = world.sandbox.counters()
    assert counters["calls"]["token.refresh_token"] == {"ok": 10_000}
    assert counters["peak_open_calls"] > 100
    assert {(user.version, user.refreshes, user.claim) for user in rows(world.app)} == {
        (2, 1, None)
    }
    world.assert_in_step(living=10_000)
