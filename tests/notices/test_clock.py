"""A clock that is wrong is told to operators, and what it ended and took up again to services."""

from datetime import timedelta

import pytest

from tests.keep.world import World
from tests.notices.told import told
from webapp.services.worker.worker import Worker

pytestmark = pytest.mark.usefixtures("each_database")
A_YEAR = timedelta(days=366)


def work(world: World) -> None:
    Worker(world.runtime, world.app.app_context).run(once=True)


@pytest.mark.rule(39)
def test_a_clock_that_would_end_everybody_is_told_to_operators_once(world: World) -> None:
    world.people(12)
    world.clock.advance(A_YEAR)
    work(world)
    assert told("fleet.alarm") == [{"alarm": "mass_expiry", "reason": "clock", "code": None}]
    assert told("connection.reconnect_required") == []


@pytest.mark.rule(39)
def test_services_hear_that_a_connection_is_back_which_only_the_clock_had_ended(
    world: World,
) -> None:
    people = world.people(3)
    world.clock.advance(A_YEAR)
    work(world)
    ended = told("connection.reconnect_required")
    assert {each["open_id"] for each in ended} == set(people)
    assert {each["reason"] for each in ended} == {"grant_over"}
    world.clock.advance(-A_YEAR)
    work(world)
    restored = told("connection.restored")
    assert sorted((each["open_id"], each["ticket"]) for each in restored) == sorted(
        (each, world.row(each).ticket) for each in people
    )
