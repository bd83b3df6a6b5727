"""When TikTok refuses many at once it is not the people; a few among many are."""

from datetime import timedelta

import pytest

from tests.keep.standins import Answering, with_provider
from tests.keep.world import World
from tests.services.holding import rows
from webapp.services.maintenance import troubles
from webapp.services.refresh import breaker
from webapp.services.refresh.on_demand import ReconnectRequired, fresh_access
from webapp.tiktok.errors import ConnectAgain

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.rule(34)
def test_a_mass_rejection_marks_nobody_and_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.people(60)
    world.make_due()
    refused = with_provider(world.runtime, Answering(ConnectAgain("invalid_grant")))
    for _look in range(4):
        world.work(refused)
        world.clock.advance(minutes=16)
    assert {user.status for user in rows(world.app)} == {"failing"}
    assert "mass_rejection" in caplog.text
    world.work()
    assert {(user.status, user.refused_at) for user in rows(world.app)} == {("active", None)}
    world.assert_in_step(living=60)


@pytest.mark.rule(34)
def test_a_mass_rejection_is_seen_in_the_very_group_that_brings_it(world: World) -> None:
    world.people(50)
    world.make_due()
    world.work(with_provider(world.runtime, Answering(ConnectAgain("invalid_grant"))))
    world.clock.advance(minutes=1)
    with_ok = "o" * breaker.WINDOW
    world.set_recent(with_ok)
    world.work(with_provider(world.runtime, Answering(ConnectAgain("invalid_grant"))))
    assert {user.status for user in rows(world.app)} == {"failing"}
    world.assert_in_step(living=50)


@pytest.mark.rule(34)
def test_a_few_among_many_are_marked_each_for_themselves(world: World) -> None:
    gone, *_others = people = world.people(30)
    world.sandbox.control("deauthorize", open_id=gone)
    for _look in range(2):
        world.make_due()
        world.work()
        world.clock.advance(minutes=1)
    with pytest.raises(ReconnectRequired):
        fresh_access(world.runtime, gone)
    world.assert_in_step(living=len(people) - 1)


@pytest.mark.rule(34)
def test_a_mass_rejection_does_not_hold_back_one_whose_refresh_was_interrupted(
    world: World,
) -> None:
    """Its cause is known, so it says nothing about TikTok, and waiting would not help it."""
    interrupted, *_others = world.people(60)
    world.change(interrupted, interrupted=True)
    refused = with_provider(world.runtime, Answering(ConnectAgain("invalid_grant")))
    for _refusal in range(2):
        world.make_due()
        world.work(refused)
        world.clock.advance(minutes=1)
    ended = {user.open_id: user.reason for user in rows(world.app) if user.status == "reconnect"}
    assert ended == {interrupted: "interrupted"}
    world.assert_in_step(living=59)


def doubts(world: World) -> dict[str, str]:
    """Return every doubt by its name."""
    return {each.name: each.cause for each in troubles.doubts(world.runtime)}


@pytest.mark.parametrize("count", [25, 60])
def test_a_mass_rejection_is_a_doubt_until_refreshes_succeed(world: World, count: int) -> None:
    """Of 25 refusals and 25 successes half are refusals, but it is over all the same."""
    world.people(count)
    world.make_due()
    world.work()
    assert doubts(world) == {}
    refused = with_provider(world.runtime, Answering(ConnectAgain("invalid_grant")))
    for _look in range(2):
        world.make_due()
        world.work(refused)
        world.clock.advance(minutes=1)
    assert doubts(world) == {
        "refusals": f"most refreshes are being refused: {2 * count} of {3 * count} "
        "in the last hour answered invalid_grant"
    }
    world.make_due()
    world.work()
    assert doubts(world) == {}


def test_many_refusals_among_more_successes_are_called_many(world: World) -> None:
    many, few = world.people(30), 15
    world.make_due()
    world.work()
    gone = with_provider(world.runtime, Answering(ConnectAgain("invalid_grant")))
    for open_id in many[:few]:
        world.change(open_id, next_at=world.clock() - timedelta(seconds=1), claim=None)
    world.work(gone)
    assert doubts(world)["refusals"].startswith("many refreshes are being refused: 15 of 45 ")


def test_refusals_of_yesterday_are_no_doubt_while_nothing_was_tried_since(world: World) -> None:
    world.people(25)
    world.make_due()
    world.work(with_provider(world.runtime, Answering(ConnectAgain("invalid_grant"))))
    assert "refusals" in doubts(world)
    world.change(status="reconnect", next_at=None)
    world.clock.advance(hours=2)
    assert doubts(world) == {}


def test_a_tenth_without_access_is_a_doubt_and_fewer_are_not(world: World) -> None:
    people = world.people(50)
    over = world.clock() - timedelta(minutes=1)
    for open_id in people[:4]:
        world.change(open_id, status="failing", access_expires_at=over)
    assert doubts(world) == {}
    world.change(people[4], status="failing", access_expires_at=over)
    assert doubts(world) == {"access": "5 connections have expired and couldn't be refreshed"}
    world.change(people[4], access_expires_at=world.clock() + timedelta(hours=1))
    assert doubts(world) == {}
