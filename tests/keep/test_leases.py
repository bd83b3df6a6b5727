"""Two who refresh one account because a lease ran out or a clock is wrong: no grant is lost."""

from datetime import timedelta

import pytest

from tests.keep.world import World
from tests.services.grants import given, join
from webapp.services.refresh import claims
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import Claim, claim_due, claim_one
from webapp.services.refresh.on_demand import fresh_access
from webapp.services.refresh.verdicts import Result
from webapp.services.worker.worker import Worker
from webapp.tiktok.errors import ConnectAgain, TryLater

pytestmark = pytest.mark.usefixtures("each_database")


def won_and_claimed_again(world: World) -> tuple[str, Result, Claim]:
    """Return whose row it is, an answer that is not in yet, and the claim of who came after it."""
    open_id = world.person()
    world.make_due(expired=True)
    winner, *_none = claim_due(world.runtime, 1, world.clock())
    won = attempt(world.runtime, winner)
    world.clock.advance(claims.LEASE)
    loser = claim_one(world.runtime, winner.user.ref, world.clock())
    assert loser is not None
    return open_id, won, loser


@pytest.mark.rule(32)
def test_a_provider_slower_than_the_lease_costs_no_grant(world: World) -> None:
    """Fencing by lease lost 50 of 50, guarding by version none."""
    world.people(50)
    world.make_due(expired=True)
    results = [
        attempt(world.runtime, claim) for claim in claim_due(world.runtime, 50, world.clock())
    ]
    world.clock.advance(claims.LEASE * 3)
    assert store_answers(world.runtime, results) == [True] * 50
    world.assert_in_step(living=50)


@pytest.mark.rule(34)
def test_a_losers_refusal_before_the_winners_success_does_no_harm(world: World) -> None:
    open_id, won, loser = won_and_claimed_again(world)
    store_answers(world.runtime, [attempt(world.runtime, loser)])
    assert world.row(open_id).status == "failing"
    assert store_answers(world.runtime, [won]) == [True]
    user = world.row(open_id)
    assert (user.status, user.failures, user.refused_at, user.claim) == ("active", 0, None, None)
    world.assert_in_step(spent=1, living=1)


@pytest.mark.rule(34)
def test_a_losers_refusal_after_the_winners_success_does_no_harm(world: World) -> None:
    open_id, won, loser = won_and_claimed_again(world)
    lost = attempt(world.runtime, loser)
    assert store_answers(world.runtime, [won]) == [True]
    store_answers(world.runtime, [lost])
    user = world.row(open_id)
    assert (user.status, user.failures, user.last_error) == ("active", 0, None)
    world.assert_in_step(spent=1, living=1)


@pytest.mark.rule(34)
def test_both_in_one_group_do_no_harm(world: World) -> None:
    world.person()
    world.make_due(expired=True)
    winner, *_none = claim_due(world.runtime, 1, world.clock())
    won = attempt(world.runtime, winner)
    world.clock.advance(claims.LEASE)
    loser = claim_one(world.runtime, winner.user.ref, world.clock())
    assert loser is not None
    store_answers(world.runtime, [attempt(world.runtime, loser), won])
    world.assert_in_step(spent=1, living=1)


@pytest.mark.rule(33, 34)
@pytest.mark.parametrize("code", ["timeout", "invalid_grant"])
def test_a_failure_from_under_a_lease_that_was_passed_on_is_not_written(
    world: World, code: str
) -> None:
    """It would take the claim away from the one that calls TikTok now, and let a third one in."""
    open_id = world.person()
    world.make_due(expired=True)
    first, *_none = claim_due(world.runtime, 1, world.clock())
    world.clock.advance(claims.LEASE)
    second = claim_one(world.runtime, first.user.ref, world.clock())
    assert second is not None
    error = TryLater(code, outcome_unknown=True) if code == "timeout" else ConnectAgain(code)
    store_answers(world.runtime, [Result(first, error, world.clock())])
    user = world.row(open_id)
    assert (user.claim, user.status, user.failures) == (second.name, "active", 0)
    assert user.refused_at is None
    assert store_answers(world.runtime, [attempt(world.runtime, second)]) == [True]
    world.assert_in_step(living=1)


@pytest.mark.rule(33)
def test_a_claim_left_behind_by_a_crash_ends_with_its_lease(world: World) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    left, *_none = claim_due(world.runtime, 1, world.clock())
    world.clock.advance(claims.LEASE - timedelta(seconds=1))
    assert claim_due(world.runtime, 1, world.clock()) == []
    assert claim_one(world.runtime, left.user.ref, world.clock()) is None
    assert world.row(open_id).health(world.clock()) == "refreshing"
    world.clock.advance(seconds=1)
    assert world.work() == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(32)
def test_a_refusal_after_a_crash_in_a_refresh_is_put_down_to_the_crash(world: World) -> None:
    """The person did nothing: the process that died held the only valid refresh token."""
    open_id = world.person()
    world.make_due(expired=True)
    attempt(world.runtime, claim_due(world.runtime, 1, world.clock())[0])
    assert not world.row(open_id).interrupted, "nobody has died yet"
    world.clock.advance(claims.LEASE)
    for _refusal in range(2):
        assert world.work() == 1
        assert world.row(open_id).interrupted
        world.clock.advance(minutes=1)
    user = world.row(open_id)
    assert (user.status, user.reason) == ("reconnect", "interrupted")
    world.assert_in_step(spent=2, living=0)


@pytest.mark.rule(33)
def test_a_claim_that_is_too_old_is_not_sent(world: World) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    claim, *_none = claim_due(world.runtime, 1, world.clock())
    world.clock.advance(claims.SEND_WITHIN + timedelta(seconds=1))
    store_answers(world.runtime, [attempt(world.runtime, claim)])
    user = world.row(open_id)
    assert (user.claim, user.next_at, user.status) == (None, world.clock(), "active")
    assert (user.failures, user.interrupted, world.calls()) == (0, False, 0)
    Worker(world.runtime, world.app.app_context).run(once=True)
    world.assert_in_step(living=1)


@pytest.mark.rule(33)
def test_clocks_forty_five_seconds_apart_do_not_take_a_claim_from_each_other(world: World) -> None:
    """The other host sees the lease run out while the call may still last: 45 + 10 < 60."""
    world.person()
    world.make_due(expired=True)
    claim, *_none = claim_due(world.runtime, 1, world.clock())
    ahead = world.clock() + timedelta(seconds=45 + 10)
    assert claim_due(world.runtime, 1, ahead) == []
    assert claim_one(world.runtime, claim.user.ref, ahead) is None
    store_answers(world.runtime, [attempt(world.runtime, claim)])
    world.assert_in_step(living=1)


def test_a_connect_by_a_clock_that_is_behind_is_still_newer(world: World) -> None:
    person = world.person()
    world.clock.advance(seconds=45)
    fresh_access(world.runtime, person, rejected_version=1)
    world.clock.advance(seconds=-45)
    join(world.runtime, given(world.sandbox, world.clock()))
    assert fresh_access(world.runtime, person).version == 3
    world.assert_in_step(living=1)
