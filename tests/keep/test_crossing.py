"""What happens between TikTok's answer and our commit: nobody's later wish is overwritten."""

from collections.abc import Callable

import pytest

from tests.keep.standins import Meanwhile, with_provider
from tests.keep.world import World
from tests.services.holding import assert_forgotten, rows
from webapp.services.connect import disconnect
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.claims import claim_due
from webapp.services.refresh.on_demand import NotConnected, ReconnectRequired, attempt, fresh_access
from webapp.tiktok.errors import ConnectAgain

pytestmark = pytest.mark.usefixtures("each_database")


def crossed(world: World, meanwhile: Callable[[], object], *, expired: bool = False) -> None:
    """Refresh the one row that is due, with something between TikTok's answer and our commit."""
    provider = Meanwhile(world.runtime.provider, after=meanwhile)
    world.make_due(expired=expired)
    claim, *_none = claim_due(world.runtime, 1, world.clock())
    result = attempt(with_provider(world.runtime, provider), claim)
    store_answers(world.runtime, [result])


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
    claim, *_none = claim_due(world.runtime, 1, world.clock())
    world.person()
    result = attempt(world.runtime, claim)
    assert isinstance(result.answer, ConnectAgain)
    store_answers(world.runtime, [result])
    user = world.row(open_id)
    assert (user.version, user.status, user.failures, user.refused_at) == (2, "active", 0, None)
    assert world.sandbox.counters()["dead_refresh_tokens_seen"]["superseded"] == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(40)
@pytest.mark.parametrize("access_is", ["good", "over", "ended by the rotation"])
@pytest.mark.parametrize("end", [disconnect.disconnect_person, disconnect.delete_person])
def test_ending_a_connection_during_a_refresh_leaves_nothing_alive_at_tiktok(
    world: World, end: Callable[..., object], access_is: str
) -> None:
    world.sandbox.settings(old_access_tokens_die=access_is == "ended by the rotation")
    open_id = world.person()
    person = world.row(open_id).ref
    crossed(world, lambda: end(world.runtime, person), expired=access_is == "over")
    assert world.sandbox.books()[open_id]["ended"] == "revoked"
    if end is disconnect.delete_person:
        assert rows(world.app) == []
    else:
        assert_forgotten(world.row(open_id))
    # Without an access token the disconnect has only the refresh token that was just spent.
    world.assert_in_step(spent=int(access_is != "good"), living=0)


def test_a_late_answer_is_never_written_into_the_next_persons_row(world: World) -> None:
    world.person("mara")
    late = world.row(world.person("jo"))

    def replaced() -> None:
        disconnect.delete_person(world.runtime, late.ref)
        world.person("noor")

    world.change(next_at=None)
    world.change(late.open_id, next_at=world.clock())
    claim, *_none = claim_due(world.runtime, 9, world.clock())
    provider = Meanwhile(world.runtime.provider, after=replaced)
    assert store_answers(
        world.runtime, [attempt(with_provider(world.runtime, provider), claim)]
    ) == [False]
    world.assert_in_step(living=2)


def test_a_late_answer_does_not_end_the_connection_of_who_deleted_and_joined_again(
    world: World,
) -> None:
    open_id = world.person()
    person = world.row(open_id).ref

    def again() -> None:
        disconnect.delete_person(world.runtime, person)
        world.person()

    crossed(world, again)
    assert world.sandbox.calls("revoke") == 1
    assert world.sandbox.books()[open_id]["ended"] is None
    world.assert_in_step(living=1)


def test_who_asks_for_a_token_during_a_disconnect_is_told_so(world: World) -> None:
    open_id = world.person()
    provider = Meanwhile(
        world.runtime.provider,
        after=lambda: disconnect.disconnect_person(world.runtime, world.row(open_id).ref),
    )
    with pytest.raises(ReconnectRequired) as told:
        fresh_access(with_provider(world.runtime, provider), open_id, pressed=True)
    assert told.value.reason == "disconnected"
    world.assert_in_step(living=0)


def test_who_asks_for_a_token_while_the_account_is_deleted_is_told_so(world: World) -> None:
    open_id = world.person()
    provider = Meanwhile(
        world.runtime.provider,
        after=lambda: disconnect.delete_person(world.runtime, world.row(open_id).ref),
    )
    with pytest.raises(NotConnected):
        fresh_access(with_provider(world.runtime, provider), open_id, pressed=True)
    world.assert_in_step(living=0)


def test_no_version_comes_again_although_somebody_with_a_lower_one_is_deleted_later(
    world: World,
) -> None:
    """A service that reports an old version as rejected must not mean the new grant."""
    jo = world.row(world.person("jo")).ref
    world.change(next_at=None)
    open_id = world.person("mara")
    for _refresh in range(4):
        world.change(open_id, next_at=world.clock())
        world.work()
    before = world.row(open_id)
    assert before.version == 5
    disconnect.delete_person(world.runtime, before.ref)
    disconnect.delete_person(world.runtime, jo)
    world.person("mara")
    assert world.row(open_id).version > before.version
