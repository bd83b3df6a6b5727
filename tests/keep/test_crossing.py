"""What happens between TikTok's answer and our commit: nobody's later wish is overwritten."""

from collections.abc import Callable

import pytest

from tests.keep.standins import Meanwhile, with_provider
from tests.keep.world import World
from tests.services.holding import assert_forgotten, rows
from webapp.services.connect import disconnect
from webapp.services.refresh.claims import claim_due
from webapp.services.refresh.landing import land
from webapp.services.refresh.refresh import NotConnected, ReconnectRequired, attempt, fresh
from webapp.tiktok.errors import ConnectAgain

pytestmark = pytest.mark.usefixtures("each_database")


def crossed(world: World, meanwhile: Callable[[], object], *, expired: bool = False) -> None:
    """Refresh the one row that is due, with something between TikTok's answer and our commit."""
    provider = Meanwhile(world.house.provider, after=meanwhile)
    world.make_due(expired=expired)
    claim, *_none = claim_due(world.house, 1, world.clock())
    result = attempt(with_provider(world.house, provider), claim)
    land(world.house, [result])


@pytest.mark.rule(54)
def test_a_reconnect_during_a_refresh_is_kept(world: World) -> None:
    open_id = world.person()
    crossed(world, world.person)
    user = world.row(open_id)
    assert (user.version, user.status, user.claim) == (2, "active", None)
    assert world.sandbox.calls("revoke") == 0
    world.assert_in_step(living=1)


@pytest.mark.rule(54)
def test_a_reconnect_before_the_refresh_arrives_is_kept_and_not_blamed(world: World) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    claim, *_none = claim_due(world.house, 1, world.clock())
    world.person()
    result = attempt(world.house, claim)
    assert isinstance(result.answer, ConnectAgain)
    land(world.house, [result])
    user = world.row(open_id)
    assert (user.version, user.status, user.failures, user.refused_at) == (2, "active", 0, None)
    assert world.sandbox.counters()["dead_refresh_tokens_seen"]["superseded"] == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(40)
@pytest.mark.parametrize("access_is", ["good", "over", "ended by the rotation"])
@pytest.mark.parametrize("end", [disconnect.disconnect, disconnect.delete])
def test_ending_a_connection_during_a_refresh_leaves_nothing_alive_at_tiktok(
    world: World, end: Callable[..., object], access_is: str
) -> None:
    world.sandbox.settings(old_access_tokens_die=access_is == "ended by the rotation")
    open_id = world.person()
    person = world.row(open_id).ref
    crossed(world, lambda: end(world.house, person), expired=access_is == "over")
    assert world.sandbox.books()[open_id]["ended"] == "revoked"
    if end is disconnect.delete:
        assert rows(world.app) == []
    else:
        assert_forgotten(world.row(open_id))
    # Without an access token the disconnect has only the refresh token that was just spent.
    world.assert_in_step(spent=int(access_is != "good"), living=0)


def test_a_late_answer_is_never_written_into_the_next_persons_row(world: World) -> None:
    world.person("mara")
    late = world.row(world.person("jo"))

    def replaced() -> None:
        disconnect.delete(world.house, late.ref)
        world.person("noor")

    world.change(next_at=None)
    world.change(late.open_id, next_at=world.clock())
    claim, *_none = claim_due(world.house, 9, world.clock())
    provider = Meanwhile(world.house.provider, after=replaced)
    assert land(world.house, [attempt(with_provider(world.house, provider), claim)]) == [False]
    world.assert_in_step(living=2)


def test_a_late_answer_does_not_end_the_connection_of_who_deleted_and_joined_again(
    world: World,
) -> None:
    open_id = world.person()
    person = world.row(open_id).ref

    def again() -> None:
        disconnect.delete(world.house, person)
        world.person()

    crossed(world, again)
    assert world.sandbox.calls("revoke") == 1
    assert world.sandbox.books()[open_id]["ended"] is None
    world.assert_in_step(living=1)


def test_who_asks_for_a_token_during_a_disconnect_is_told_so(world: World) -> None:
    open_id = world.person()
    provider = Meanwhile(
        world.house.provider,
        after=lambda: disconnect.disconnect(world.house, world.row(open_id).ref),
    )
    with pytest.raises(ReconnectRequired) as told:
        fresh(with_provider(world.house, provider), open_id, pressed=True)
    assert told.value.reason == "disconnected"
    world.assert_in_step(living=0)


def test_who_asks_for_a_token_while_the_account_is_deleted_is_told_so(world: World) -> None:
    open_id = world.person()
    provider = Meanwhile(
        world.house.provider, after=lambda: disconnect.delete(world.house, world.row(open_id).ref)
    )
    with pytest.raises(NotConnected):
        fresh(with_provider(world.house, provider), open_id, pressed=True)
    world.assert_in_step(living=0)
