"""Lives and scopes as TikTok's answer says; whatever it says, the new refresh token is kept."""

from datetime import UTC, timedelta

import pytest

from tests.keep.world import World, seconds
from tests.services.holding import opened
from webapp.services.refresh.on_demand import fresh_access

pytestmark = pytest.mark.usefixtures("each_database")

ABSURD = [0, -7200, "soon", "", None, "$delete", 10**12, 1e308, True, [7200], {"s": 1}, "7200s"]
#: As it came → seconds.
READABLE = [("7200", 7200), ("86400.0", 86400), (86400.0, 86400), (60, 60)]


def bend(world: World, **changes: object) -> None:
    """Let the next refresh be answered with these changes."""
    world.sandbox.faults("token", "answer", grant_type="refresh_token", times=1, answer=changes)


@pytest.mark.rule(29, 32)
def test_a_whole_answer_replaces_the_grant(world: World) -> None:
    open_id = world.person()
    world.clock.advance(hours=1)
    world.sandbox.lifetimes(expires_in=3600, refresh_expires_in=1_000_000)
    access = fresh_access(world.runtime, open_id, pressed=True)
    user = world.row(open_id)
    assert opened(world.app, user).access_token == access.access_token
    assert user.access_expires_at == world.clock() + timedelta(seconds=3600)
    assert user.refresh_expires_at == world.clock() + timedelta(seconds=1_000_000)
    assert 1800 <= seconds(user.next_at, world.clock()) <= 2700
    assert (user.version, user.refreshes, user.refreshed_at) == (2, 1, world.clock())
    assert (user.status, user.failures, user.claim) == ("active", 0, None)
    world.assert_in_step(living=1)


def test_an_answer_without_an_open_id_is_taken(world: World) -> None:
    open_id = world.person()
    bend(world, open_id="$delete")
    assert fresh_access(world.runtime, open_id, pressed=True).version == 2
    world.assert_in_step(living=1)


@pytest.mark.rule(26)
def test_an_absurd_life_never_costs_the_new_refresh_token(world: World) -> None:
    for open_id, life in zip(world.people(len(ABSURD)), ABSURD, strict=True):
        world.change(open_id, next_at=world.clock())
        bend(world, expires_in=life)
        world.work()
        user = world.row(open_id)
        assert user.access_expires_at == world.clock() + timedelta(minutes=5), life
        assert (user.status, user.last_error) == ("active", "life_unknown"), life
        assert 150 <= seconds(user.next_at, world.clock()) <= 225, life
        assert fresh_access(world.runtime, open_id).warnings == ("life_unknown",), life
    world.assert_in_step(living=len(ABSURD))


@pytest.mark.rule(29, 30)
def test_a_life_in_any_readable_form_counts_from_the_receipt(world: World) -> None:
    for open_id, (said, life) in zip(world.people(len(READABLE)), READABLE, strict=True):
        world.change(open_id, next_at=world.clock())
        bend(world, expires_in=said, refresh_expires_in=said)
        world.work()
        user = world.row(open_id)
        ends = world.clock() + timedelta(seconds=life)
        assert (user.access_expires_at, user.refresh_expires_at) == (ends, ends), said
        assert ends.tzinfo is UTC
        assert user.last_error is None
        assert life / 2 - 1 <= seconds(user.next_at, world.clock()) <= life * 0.75, said
    world.assert_in_step(living=len(READABLE))


@pytest.mark.rule(29, 31)
def test_two_hours_after_twenty_four_are_two_hours(world: World) -> None:
    world.sandbox.lifetimes(expires_in=86_400)
    open_id = world.person()
    world.sandbox.lifetimes(expires_in=7_200)
    world.make_due()
    world.work()
    user = world.row(open_id)
    assert user.access_expires_at == world.clock() + timedelta(hours=2)
    assert 3600 <= seconds(user.next_at, world.clock()) <= 5400
    world.assert_in_step(living=1)


@pytest.mark.rule(29)
def test_the_end_of_the_grant_follows_the_answer_and_is_kept_where_it_says_nothing(
    world: World,
) -> None:
    open_id = world.person()
    bend(world, refresh_expires_in=1_000_000)
    fresh_access(world.runtime, open_id, pressed=True)
    ends = world.clock() + timedelta(seconds=1_000_000)
    for nothing in ("$delete", None, "never", -1):
        bend(world, refresh_expires_in=nothing)
        fresh_access(world.runtime, open_id, pressed=True)
        assert world.row(open_id).refresh_expires_at == ends
    world.assert_in_step(living=1)


@pytest.mark.rule(26, 38)
def test_an_answer_without_a_refresh_token_keeps_the_old_one(world: World) -> None:
    nothings = ["$delete", None, "", " ", 7]
    for open_id, nothing in zip(world.people(len(nothings)), nothings, strict=True):
        before = opened(world.app, world.row(open_id)).refresh_token
        bend(world, refresh_token=nothing)
        fresh_access(world.runtime, open_id, pressed=True)
        held = opened(world.app, world.row(open_id))
        assert held.refresh_token == before, nothing
        assert world.row(open_id).version == 2, nothing


def test_narrowed_scopes_are_taken_over_and_handed_out(world: World) -> None:
    wide = ["user.info.basic", "video.list"]
    open_id = world.person()
    world.sandbox.control("narrow", person="mara", scopes=wide)
    assert fresh_access(world.runtime, open_id, pressed=True).scopes == set(wide)
    world.sandbox.control("narrow", person="mara", scopes=wide[:1])
    assert fresh_access(world.runtime, open_id, pressed=True).scopes == {"user.info.basic"}
    assert world.row(open_id).scope == "user.info.basic"
    world.assert_in_step(living=1)


def test_an_answer_that_says_nothing_of_scopes_keeps_them(world: World) -> None:
    open_id = world.person()
    bend(world, scope="$delete")
    assert fresh_access(world.runtime, open_id, pressed=True).scopes == {"user.info.basic"}
    world.assert_in_step(living=1)


def test_all_scopes_taken_away_leave_a_token_without_any(world: World) -> None:
    open_id = world.person()
    bend(world, scope="")
    assert fresh_access(world.runtime, open_id, pressed=True).scopes == frozenset()
    world.assert_in_step(living=1)
