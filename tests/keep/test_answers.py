"""The body first, the status second: what each kind of answer does to the row it is for."""

from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import select

from tests.keep.world import World, seconds
from tests.services.holding import opened, rows
from webapp.database import reading
from webapp.models import User
from webapp.services.records import refresh_days
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import SEND_WITHIN, claim_due
from webapp.services.refresh.verdicts import NotSent

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


def test_each_answer_is_counted_on_its_day(world: World) -> None:
    open_id = world.person()
    world.sandbox.faults("token", "html", grant_type="refresh_token", times=2)
    for seconds_later in (0, 60, 120):
        world.clock.advance(seconds=seconds_later)
        world.change(open_id, next_at=world.clock())
        assert world.work() == 1
    world.clock.advance(days=1)
    world.change(open_id, next_at=world.clock())
    assert world.work() == 1
    today = world.clock().date()
    with reading() as session:
        stored = session.scalar(select(User.refresh_days))
    assert refresh_days.counted(stored) == {today: (1, 0), today - timedelta(days=1): (1, 2)}


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


def test_an_answer_says_how_long_tiktok_took(world: World) -> None:
    world.person()
    world.make_due()
    (claim,) = claim_due(world.runtime, 1, world.clock())
    world.sandbox.latency(0.2, "token")
    began = monotonic()
    result = attempt(world.runtime, claim)
    took = (monotonic() - began) * 1000
    world.sandbox.latency(0)
    assert result.ms is not None
    assert 190 <= result.ms <= took + 1
    assert store_answers(world.runtime, [result]) == [True]


def test_a_claim_that_is_too_old_is_not_sent_and_measures_nothing(world: World) -> None:
    open_id = world.person()
    world.make_due()
    (claim,) = claim_due(world.runtime, 1, world.clock())
    world.clock.advance(SEND_WITHIN + timedelta(milliseconds=1))
    result = attempt(world.runtime, claim)
    assert (type(result.answer), result.ms) == (NotSent, None)
    assert store_answers(world.runtime, [result]) == [False]
    row = world.row(open_id)
    assert (row.status, row.claim, row.failures, row.interrupted) == ("active", None, 0, False)
    assert world.calls() == 0
    world.assert_in_step(living=1)


def test_a_claim_as_old_as_it_may_be_is_sent(world: World) -> None:
    world.person()
    world.make_due()
    (claim,) = claim_due(world.runtime, 1, world.clock())
    world.clock.advance(SEND_WITHIN)
    assert store_answers(world.runtime, [attempt(world.runtime, claim)]) == [True]
    world.assert_in_step(living=1)
