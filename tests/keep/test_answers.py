"""The body first, the status second: what each kind of answer does to the row it is for."""

import socket
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.fixtures.app import MakeApp
from tests.keep.world import World, seconds
from tests.services.holding import house_of, opened, rows
from webapp.services.refresh import Pending, ReconnectRequired, fresh
from webapp.tiktok.transport import CALL_SECONDS, Transport

pytestmark = pytest.mark.usefixtures("each_database")

#: Answers that leave TikTok's books as they were.
HARMLESS = [
    ("http500", {}, "transient"),
    ("http500", {"status": 503}, "transient"),
    ("html", {}, "transient"),
    ("html", {"status": 502}, "transient"),
    ("empty", {}, "transient"),
    ("empty_object", {}, "transient"),
    ("error200", {"error": "server_error"}, "transient"),
    ("error200", {"error": "temporarily_unavailable"}, "transient"),
    ("raw", {"body": '{"access_token": "act.half'}, "transient"),
    ("raw", {"body": "[1, 2]"}, "transient"),
    ("redirect", {}, "transient"),
    ("throttle", {}, "throttle"),
    ("error200", {"error": "rate_limit_exceeded"}, "throttle"),
    ("drop", {}, "ambiguous"),
    ("drop", {"reset": True}, "ambiguous"),
]
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
    monkeypatch.setattr("webapp.tiktok.provider.Transport", partial(Transport, seconds=0.4))
    app = make_app()
    return World(app, house_of(app), world.sandbox, world.clock)


def answered(world: World, open_id: str, kind: str, **options: Any) -> None:
    """Let one person's refresh come now, and be answered like this."""
    world.change(open_id, next_at=world.clock())
    world.sandbox.faults("token", kind, grant_type="refresh_token", times=1, **options)
    assert world.work() == 1


@pytest.mark.rule(27, 36)
def test_a_passing_trouble_is_retried_and_costs_nothing(world: World) -> None:
    for open_id, case in zip(world.people(len(HARMLESS)), HARMLESS, strict=True):
        kind, options, verdict = case
        before = opened(world.app, world.row(open_id))
        answered(world, open_id, kind, **options)
        user = world.row(open_id)
        assert (user.status, user.claim, user.version) == ("failing", None, 1), case
        assert opened(world.app, user) == before, case
        assert user.failures == (0 if verdict == "throttle" else 1), case
        assert user.last_error, case
        soonest, latest = {"ambiguous": (2, 5)}.get(verdict, (30, 60))
        assert soonest <= seconds(user.next_at, world.clock()) <= latest, case
    world.assert_in_step(living=len(HARMLESS))
    assert world.sandbox.counters()["trap_hits"] == 0
    world.clock.advance(seconds=60)
    assert world.work() == len(HARMLESS)
    for user in rows(world.app):
        marks = (user.status, user.failures, user.last_error, user.interrupted, user.version)
        assert marks == ("active", 0, None, False, 2)
    world.assert_in_step(living=len(HARMLESS))


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
            fresh(world.house, open_id)
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
        away = house_of(make_app(TIKTOK_API_URL=url))
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
    from time import monotonic

    open_id = world.person()
    world.make_due(expired=True)
    world.sandbox.faults("token", "slow", grant_type="refresh_token", times=1, interval=1)
    began = monotonic()
    with pytest.raises(Pending):
        fresh(world.house, open_id)
    assert CALL_SECONDS <= monotonic() - began < CALL_SECONDS + 5


@pytest.mark.rule(36)
def test_an_absurd_retry_after_is_a_quarter_of_an_hour_at_most(world: World) -> None:
    absurd = ["99999999999999", "86400", -5, "soon", None, "Sun, 01 Jan 2090 00:00:00 GMT"]
    for open_id, wait in zip(world.people(len(absurd)), absurd, strict=True):
        answered(world, open_id, "throttle", retry_after=wait)
        user = world.row(open_id)
        assert user.failures == 0, wait
        assert 30 <= seconds(user.next_at, world.clock()) <= 900, wait
    world.clock.advance(minutes=15)
    assert world.work() == len(absurd)
    world.assert_in_step(living=len(absurd))


@pytest.mark.rule(36)
def test_a_sensible_retry_after_is_kept(world: World) -> None:
    open_id = world.person()
    world.make_due()
    world.sandbox.faults("token", "throttle", grant_type="refresh_token", times=1, retry_after=600)
    world.work()
    assert seconds(world.row(open_id).next_at, world.clock()) == 600


@pytest.mark.rule(37)
def test_another_accounts_answer_is_refused_and_told_and_the_row_untouched(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    open_id = world.person()
    before = opened(world.app, world.row(open_id))
    world.make_due()
    strange = {"open_id": "somebody-else", "access_token": "act.theirs"}
    world.sandbox.faults("token", "answer", grant_type="refresh_token", answer=strange)
    world.work()
    user = world.row(open_id)
    assert opened(world.app, user) == before
    assert (user.status, user.version, user.failures, user.claim) == ("active", 1, 0, None)
    assert user.last_error == "other_open_id"
    assert timedelta(0) < (user.next_at or world.clock()) - world.clock() <= timedelta(minutes=15)
    assert [r.levelname for r in caplog.records if "another_account" in r.getMessage()] == ["ERROR"]
