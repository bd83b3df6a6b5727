"""No whole answer: lost on the way, late, or nobody there; never the person's fault.

What went out and was not answered may have been done; what never went out was not.
"""

import socket
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import pytest

from tests.fixtures.app import MakeApp
from tests.keep.standins import Answering, with_provider
from tests.keep.test_answers import answered
from tests.keep.world import World, seconds
from tests.services.holding import runtime_of
from webapp.services.refresh.on_demand import Pending, ReconnectRequired, fresh_access
from webapp.tiktok.errors import TryLater
from webapp.tiktok.transport import CALL_SECONDS, Transport

pytestmark = pytest.mark.usefixtures("each_database")

#: TikTok rotates, and its answer never arrives whole.
LOST: list[tuple[str, dict[str, Any]]] = [
    ("truncated", {}),
    ("truncated", {"cut": True}),
    ("drop", {"after": True}),
    ("big", {}),
    ("big", {"chunked": True}),
    ("html", {"after": True}),
]
#: The same, each only told by the deadline of a call.
LATE: list[tuple[str, dict[str, Any]]] = [
    ("slow", {"interval": 0.4}),
    ("dribble_headers", {"interval": 0.4}),
    ("timeout", {"after": True}),
]


@pytest.fixture
def hasty(world: World, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same world, where a call to TikTok is given up soon."""
    monkeypatch.setattr("webapp.tiktok.transport.Transport", partial(Transport, seconds=0.4))
    app = make_app()
    return World(app, runtime_of(app), world.sandbox, world.clock)


@pytest.mark.rule(27)
def test_an_answer_that_was_lost_is_told_as_interrupted(world: World, hasty: World) -> None:
    people = world.people(len(LOST) + len(LATE))
    for open_id, (kind, options) in zip(people, LOST, strict=False):
        answered(world, open_id, kind, **options)
        assert are_told_as_interrupted(world, [open_id]), kind
    # All at once, because each takes as long as a call may.
    for open_id, (kind, options) in zip(people[len(LOST) :], LATE, strict=True):
        world.change(open_id, next_at=world.clock())
        world.sandbox.faults("token", kind, grant_type="refresh_token", times=1, **options)
    assert hasty.work() == len(LATE)
    assert are_told_as_interrupted(world, people)
    for _refused in range(2):
        world.clock.advance(seconds=61)
        assert world.work() == len(people)
    for open_id in people:
        with pytest.raises(ReconnectRequired) as told:
            fresh_access(world.runtime, open_id)
        assert told.value.reason == "interrupted"
    world.assert_in_step(spent=2 * len(people), living=0)


def are_told_as_interrupted(world: World, people: list[str]) -> bool:
    """Tell whether these are tried again, and known to have lost an answer."""
    found = [world.row(open_id) for open_id in people]
    marks = {(user.status, user.interrupted, user.refused_at) for user in found}
    return marks == {("failing", True, None)}


@pytest.mark.rule(27, 28)
def test_a_silent_tiktok_that_did_nothing_is_asked_again_at_once(
    world: World, hasty: World
) -> None:
    open_id = world.person()
    world.make_due()
    world.sandbox.faults("token", "timeout", grant_type="refresh_token", times=1)
    hasty.work()
    assert 2 <= seconds(world.row(open_id).next_at, world.clock()) <= 5
    world.wait_until_due(open_id)
    world.work()
    world.assert_in_step(living=1)


@pytest.mark.rule(27, 36)
def test_after_the_one_quick_retry_a_silent_tiktok_is_backed_off_from(world: World) -> None:
    open_id = world.person()
    world.make_due()
    silent = Answering(TryLater("timeout", outcome_unknown=True))
    for least, most in ((2, 5), (60, 120), (120, 240)):
        world.work(with_provider(world.runtime, silent))
        assert least <= seconds(world.row(open_id).next_at, world.clock()) <= most
        world.wait_until_due(open_id)
    assert world.work() == 1
    assert not world.row(open_id).interrupted
    world.assert_in_step(living=1)


def refused(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an address where nobody listens."""
    return "http://127.0.0.1:9/v2/"


def unknown(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an address whose name nobody knows."""

    def nowhere(*_where: object, **_how: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    return "https://nowhere.invalid/v2/"


@pytest.mark.rule(27, 28, 36)
@pytest.mark.parametrize("fault", [refused, unknown, "tls"])
def test_no_connection_at_all_is_no_interruption(
    world: World,
    make_app: MakeApp,
    monkeypatch: pytest.MonkeyPatch,
    fault: str | Callable[[pytest.MonkeyPatch], str],
) -> None:
    """Nobody listens, the name is unknown, or who listens speaks no TLS: nothing was sent."""
    open_id = world.person()
    world.make_due()
    spoken = world.sandbox.url.replace("http:", "https:") + "/v2/"
    with monkeypatch.context() as patched:
        url = spoken if isinstance(fault, str) else fault(patched)
        away = runtime_of(make_app(TIKTOK_API_URL=url))
        world.work(away)
    user = world.row(open_id)
    assert (user.status, user.failures, user.interrupted) == ("failing", 1, False)
    assert (user.last_error, user.version) == ("no_connection", 1)
    assert 30 <= seconds(user.next_at, world.clock()) <= 60
    world.assert_in_step(living=1)
    world.wait_until_due(open_id)
    assert world.work() == 1
    world.assert_in_step(living=1)


@pytest.mark.long
@pytest.mark.rule(28)
def test_one_byte_a_second_ends_with_the_ten_seconds_of_a_call(world: World) -> None:
    open_id = world.person()
    world.make_due(expired=True)
    world.sandbox.faults("token", "slow", grant_type="refresh_token", times=1, interval=1)
    began = monotonic()
    with pytest.raises(Pending):
        fresh_access(world.runtime, open_id)
    assert CALL_SECONDS <= monotonic() - began < CALL_SECONDS + 5
