"""After a clock that was ahead: what it left in the rows is undone, and nothing else changes."""

from datetime import timedelta
from typing import Any

import pytest

from tests.keep.world import World
from webapp.services.refresh import clock_errors

pytestmark = pytest.mark.usefixtures("each_database")

#: What a clock that was hours ahead leaves behind; times are hours from now.
LEFT_BY_THE_CLOCK = {
    "a wait": {"status": "failing", "next_at": 5},
    "a disconnect that waits": {"status": "revoking", "next_at": 5, "ended_at": -1},
    "a claim": {"claim": "made-up", "next_at": 5},
    "a refresh": {"refreshed_at": 5, "next_at": 9},
    "a failure": {"failing_since": 5, "status": "failing", "next_at": 400 * 24},
    "an end": {"ended_at": 5, "status": "revoking", "next_at": 400 * 24},
    "an end of the grant": {"status": "reconnect", "reason": "grant_over", "next_at": None},
}
#: What is as it should be, although it looks similar.
RIGHT = {
    "a token that lives for hours": {"next_at": 9},
    "a short wait": {"status": "failing", "next_at": 0.9},
    "a lease": {"claim": "made-up", "next_at": 0.01},
    "a demo": {"status": "failing", "failing_since": -1, "next_at": 400 * 24},
    "a clock that differs a little": {"refreshed_at": 0.9, "next_at": 9},
    "a refusal": {"status": "reconnect", "reason": "refused", "next_at": None},
    "a grant that is over": {
        **{"status": "reconnect", "reason": "grant_over", "next_at": None},
        **{"refresh_expires_at": -0.1},
    },
    "a grant that is gone": {
        **{"status": "reconnect", "reason": "grant_over", "next_at": None},
        **{"refresh_token": None},
    },
    "another app's connection": {
        **{"client_key": "another-app", "status": "failing", "next_at": 5},
    },
}


def set_up(world: World, columns: dict[str, Any]) -> str:
    """Connect a person and write columns, of which numbers are hours from now."""
    open_id = world.person()
    world.change(
        open_id,
        **{
            name: world.clock() + timedelta(hours=value)
            if isinstance(value, int | float)
            else value
            for name, value in columns.items()
        },
    )
    return open_id


@pytest.mark.rule(39)
@pytest.mark.parametrize("columns", LEFT_BY_THE_CLOCK.values(), ids=LEFT_BY_THE_CLOCK)
def test_nothing_waits_for_a_clock_that_was_ahead(world: World, columns: dict[str, Any]) -> None:
    open_id = set_up(world, columns)
    assert clock_errors.repair(world.runtime, world.clock()) is False
    assert world.row(open_id).next_at == world.clock()


@pytest.mark.parametrize("columns", RIGHT.values(), ids=RIGHT)
def test_what_the_clock_did_not_do_stays(world: World, columns: dict[str, Any]) -> None:
    open_id = set_up(world, columns)
    before = world.row(open_id)
    clock_errors.repair(world.runtime, world.clock())
    after = world.row(open_id)
    names = ("status", "reason", "claim", "next_at", "failing_since", "ended_at", "refresh_token")
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]


def test_a_connection_that_only_the_clock_ended_works_again(world: World) -> None:
    ended, other = world.person("mara"), world.person("jo")
    world.change(ended, status="reconnect", reason="grant_over", ended_at=world.clock())
    world.change(other, status="reconnect", reason="refused", ended_at=world.clock())
    clock_errors.repair(world.runtime, world.clock())
    row = world.row(ended)
    assert (row.status, row.reason, row.ended_at) == ("active", None, None)
    assert (world.row(other).status, world.row(other).reason) == ("reconnect", "refused")
