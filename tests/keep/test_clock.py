"""A clock that is wrong for a while ends nothing for good, and nothing waits for it afterwards."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.keep.world import World
from webapp.database import reading, writing
from webapp.models import Brakes, Headcount
from webapp.services.maintenance import troubles
from webapp.services.operators import counts
from webapp.services.records import figures
from webapp.services.refresh import breaker, clock_errors
from webapp.services.worker.worker import Worker

pytestmark = pytest.mark.usefixtures("each_database")
A_YEAR = timedelta(days=366)


def work(world: World) -> None:
    Worker(world.runtime, world.app.app_context).run(once=True)


def statuses(world: World, people: list[str]) -> set[tuple[str, str | None]]:
    return {(world.row(each).status, world.row(each).reason) for each in people}


@pytest.mark.rule(39)
def test_a_clock_that_is_a_year_ahead_ends_no_grant(world: World) -> None:
    people = world.people(12)
    world.clock.advance(A_YEAR)
    work(world)
    assert statuses(world, people) == {("failing", None)}
    assert {world.row(each).last_error for each in people} == {clock_errors.CLOCK_IN_DOUBT}
    assert world.calls() == 0
    world.clock.advance(-A_YEAR)
    work(world)
    assert world.refreshes() == 12
    assert statuses(world, people) == {("active", None)}
    world.assert_in_step(living=12)


def test_a_clock_in_doubt_is_told_by_every_check_until_it_is_right(
    world: World, client: FlaskClient
) -> None:
    def told() -> list[str]:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        doubts = [each["name"] for each in answer.get_json()["doubts"]]
        assert doubts == [each.name for each in troubles.troubles(world.runtime)]
        return doubts

    world.people(12)
    work(world)
    assert told() == []
    world.clock.advance(A_YEAR)
    work(world)
    assert told() == ["clock"]
    checked = world.app.test_cli_runner().invoke(args=["tokens", "check"])
    assert checked.exit_code == 1
    assert "clock – many connections seem to have expired unnoticed" in checked.output
    world.clock.advance(-A_YEAR)
    work(world)
    assert told() == []


@pytest.mark.rule(39)
def test_a_clock_that_shows_the_same_for_a_day_is_believed(world: World) -> None:
    people = world.people(12)
    world.clock.advance(A_YEAR)
    work(world)
    world.clock.advance(hours=23)
    work(world)
    assert statuses(world, people) == {("failing", None)}
    world.clock.advance(hours=2)
    work(world)
    assert statuses(world, people) == {("reconnect", "grant_over")}


@pytest.mark.rule(39)
def test_grants_that_end_one_by_one_are_ended_however_many_there_are(world: World) -> None:
    people = world.people(12)
    world.change(refresh_expires_at=world.clock() - timedelta(hours=3))
    world.make_due()
    work(world)
    assert statuses(world, people) == {("reconnect", "grant_over")}


@pytest.mark.rule(39)
def test_what_only_the_clock_has_ended_is_taken_up_again(world: World) -> None:
    """Few enough to be ended while the clock was ahead."""
    people = world.people(3)
    world.clock.advance(A_YEAR)
    work(world)
    assert statuses(world, people) == {("reconnect", "grant_over")}
    world.clock.advance(-A_YEAR)
    work(world)
    assert statuses(world, people) == {("active", None)}
    world.assert_in_step(living=3)


def test_after_the_clock_was_set_back_only_the_past_counts(world: World) -> None:
    world.person()
    world.clock.advance(hours=5)
    with writing() as session:
        figures.add_counts(
            session, world.runtime.settings.tiktok_client_key, world.clock(), {"refreshed": 600}
        )
    world.clock.advance(hours=-5)
    assert figures.per_second(world.runtime, world.clock()) == 0


def test_after_the_clock_was_set_back_connections_are_counted_again(world: World) -> None:
    world.clock.advance(hours=5)
    assert counts.recount(world.runtime)
    world.clock.advance(hours=-5)
    assert counts.recount(world.runtime)
    with reading() as session:
        found = session.scalars(select(Headcount)).one()
    assert found.counted_at == world.clock()


def test_after_the_clock_was_set_back_the_breaker_probes_without_waiting_for_it(
    world: World,
) -> None:
    breaker.current(world.runtime)
    with writing() as session:
        brakes = session.scalars(select(Brakes)).one()
        brakes.open_reason, brakes.probe_at = "transient", world.clock() + timedelta(hours=5)
    assert breaker.permit(world.runtime, 5, world.clock()).count == 1
    assert breaker.permit(world.runtime, 5, world.clock()).count == 0
