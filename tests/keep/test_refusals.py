"""When TikTok refuses a grant: once is no proof, twice needs the person, then it is left alone."""

import pytest

from tests.keep.world import World, seconds
from webapp.services.refresh.on_demand import Pending, ReconnectRequired, fresh_access

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.rule(34)
def test_one_spurious_refusal_ends_nothing(world: World) -> None:
    open_id = world.person()
    world.make_due()
    world.sandbox.faults(
        "token", "error200", grant_type="refresh_token", times=1, error="invalid_grant"
    )
    world.work()
    user = world.row(open_id)
    assert (user.status, user.refused_at) == ("failing", world.clock())
    assert seconds(user.next_at, world.clock()) == 60
    world.wait_until_due(open_id)
    world.work()
    healed = world.row(open_id)
    assert (healed.status, healed.refused_at, healed.reason) == ("active", None, None)
    world.assert_in_step(living=1)


@pytest.mark.rule(34)
def test_a_second_refusal_a_minute_later_needs_the_person_and_is_never_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    open_id = world.person()
    world.sandbox.deauthorize("mara")
    world.make_due()
    world.work()
    world.wait_until_due(open_id)
    world.work()
    user = world.row(open_id)
    assert (user.status, user.reason, user.ended_at) == ("reconnect", "refused", world.clock())
    assert (user.next_at, user.claim, user.last_error) == (None, None, "invalid_grant")
    world.clock.advance(days=30)
    assert world.work() == 0
    with pytest.raises(ReconnectRequired):
        fresh_access(world.runtime, open_id, pressed=True)
    assert world.calls() == 2
    assert caplog.text.count("needs_person") == 1, "it is told once"


@pytest.mark.rule(34)
def test_a_second_refusal_too_soon_does_not_count(world: World) -> None:
    open_id = world.person()
    world.sandbox.deauthorize("mara")
    for _press in range(5):
        with pytest.raises(Pending):
            fresh_access(world.runtime, open_id, rejected_version=1, pressed=True)
        world.clock.advance(seconds=10)
    assert world.row(open_id).status == "failing"
    world.clock.advance(seconds=10)
    with pytest.raises(ReconnectRequired):
        fresh_access(world.runtime, open_id, pressed=True)


@pytest.mark.rule(39)
def test_a_grant_that_is_over_makes_no_call_and_needs_the_person(world: World) -> None:
    open_id = world.person()
    world.change(open_id, refresh_expires_at=world.clock())
    with pytest.raises(ReconnectRequired) as told:
        fresh_access(world.runtime, open_id, pressed=True)
    assert told.value.reason == "grant_over"
    assert world.calls() == 0


@pytest.mark.parametrize("status", ["reconnect", "revoking", "revoked"])
def test_what_has_ended_is_not_refreshed(world: World, status: str) -> None:
    open_id = world.person()
    world.change(open_id, status=status)
    with pytest.raises(ReconnectRequired):
        fresh_access(world.runtime, open_id, pressed=True)
    assert world.calls() == 0


@pytest.mark.rule(54)
def test_connecting_again_clears_every_mark(world: World) -> None:
    open_id = world.person()
    world.change(
        open_id, status="reconnect", reason="interrupted", ended_at=world.clock(), failures=7,
        refused_at=world.clock(), interrupted=True, next_at=None, last_error="invalid_grant",
        last_log_id="x", claim="left behind",
    )  # fmt: skip
    world.person()
    user = world.row(open_id)
    assert (user.status, user.reason, user.ended_at, user.failures) == ("active", None, None, 0)
    assert (user.refused_at, user.interrupted, user.last_error) == (None, False, None)
    assert (user.last_log_id, user.claim, user.version) == (None, None, 2)
    world.make_due()
    world.work()
    world.assert_in_step(living=1)
