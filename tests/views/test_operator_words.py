"""What operators read about numbers is one whole sentence each, in the form that goes with it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.views.bulk_scenes import RUNNING, made
from webapp.services.operators.counts import Counts
from webapp.services.operators.list_pages import Page
from webapp.services.operators.list_query import Query
from webapp.services.records.history import TimelineEvent
from webapp.views.http.template_filters import Tag
from webapp.views.operators import bulk_texts, connection_texts, list_page
from webapp.views.operators.list_address import ListRequest

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("act", "total", "over", "said"),
    [
        ("refresh", 0, False, "Refreshing connections"),
        ("refresh", 1, False, "Refreshing 1 connection"),
        ("refresh", 1204, True, "Refresh 1,204 connections"),
        ("refresh", 0, True, "Refresh connections"),
        ("disconnect", 0, False, "Disconnecting connections"),
        ("disconnect", 2, False, "Disconnecting 2 connections"),
        ("disconnect", 1, True, "Disconnect 1 connection"),
        ("disconnect", 0, True, "Disconnect connections"),
    ],
)
def test_a_job_says_what_it_does_to_how_many(act: str, total: int, over: bool, said: str) -> None:
    job = made(act=act, total=total, ended_at=NOW if over else None)
    assert bulk_texts.title(job) == said


def test_a_job_that_was_stopped_says_how_many_were_not_sent() -> None:
    counts = "373 of 1,204 finished · 370 refreshed · 2 failed · 1 skipped"
    assert bulk_texts.verdict(RUNNING) == counts
    stopped = made(stopped_at=NOW, ended_at=NOW)
    assert bulk_texts.verdict(stopped) == f"{counts} · 831 not sent"


@pytest.mark.parametrize(
    ("act", "done", "failed", "skipped", "kind", "word"),
    [
        ("refresh", 20, 0, 0, "ok", "Done"),
        ("refresh", 19, 1, 0, "warn", "Some failed"),
        ("refresh", 0, 20, 0, "bad", "All failed"),
        ("refresh", 0, 1, 19, "bad", "All failed"),
        ("refresh", 0, 0, 20, "off", "Nothing to do"),
        ("disconnect", 20, 0, 0, "ok", "Done"),
        ("disconnect", 1, 19, 0, "warn", "Some not confirmed"),
        ("disconnect", 0, 20, 0, "bad", "None confirmed"),
    ],
)
def test_done_means_that_it_worked(
    act: str, done: int, failed: int, skipped: int, kind: str, word: str
) -> None:
    job = made(act=act, total=20, done=done, failed=failed, skipped=skipped, ended_at=NOW)
    assert bulk_texts.job_tag(job) == Tag(kind, word)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (59, "less than a minute"),
        (60, "about 1 minute"),
        (130, "about 2 minutes"),
        (7200, "about 2 hours"),
        (86400 * 3, "about 3 days"),
    ],
)
def test_how_long_a_job_takes_is_said_roughly(seconds: float, said: str) -> None:
    assert bulk_texts.duration_text(seconds) == said


@pytest.mark.parametrize(("rate", "said"), [(8, "8"), (8.0, "8"), (0.5, "0.5"), (2.04, "2")])
def test_a_pace_has_as_few_digits_as_it_needs(rate: float, said: str) -> None:
    assert bulk_texts.rate_text(rate) == said


def test_a_connection_that_was_skipped_without_a_known_reason_had_nothing_to_do() -> None:
    text = bulk_texts.problem_text("refresh", "skipped", "something_new")
    assert text == "There was nothing to do."


@pytest.mark.parametrize(
    ("act", "state", "code", "said"),
    [
        ("refresh", "failed", "invalid_grant", "TikTok refused to renew it."),
        (
            *("refresh", "failed", "timeout"),
            "TikTok didn't respond in time. The worker will try again automatically.",
        ),
        ("disconnect", "failed", "timeout", "TikTok didn't respond"),
        ("disconnect", "unconfirmed", "invalid_grant", "TikTok didn't confirm it."),
        ("refresh", "done", None, ""),
    ],
)
def test_what_went_wrong_is_said_in_words(act: str, state: str, code: str, said: str) -> None:
    assert said in bulk_texts.problem_text(act, state, code)


@pytest.mark.parametrize(
    ("kind", "scopes", "asked", "said"),
    [
        ("new", "a", 1, "Connected with 1 of 1 permission"),
        ("new", "a,b", 0, "Connected with 2 permissions"),
        ("again", "a", 2, "Reconnected with 1 of 2 permissions"),
        ("again", "a", 0, "Reconnected with 1 permission"),
        ("returned", "", 2, "Signed in again with 0 of 2 permissions"),
        ("returned", "a,b", 0, "Signed in again with 2 permissions"),
    ],
)
def test_a_way_in_says_what_it_brought(kind: str, scopes: str, asked: int, said: str) -> None:
    fields = {"kind": kind, "scopes": scopes}
    happening = TimelineEvent(NOW, "connection.connected", "person", fields=fields)
    (line,) = connection_texts.timeline_lines([happening], asked)
    assert line.text == said


@pytest.mark.parametrize(
    ("word", "said"),
    [("operator:ct_2222-0001", "operator ct_2222-0001"), ("service:", "a service")],
)
def test_an_actor_is_named_as_far_as_known(word: str, said: str) -> None:
    assert connection_texts.actor_text(word) == said


def test_a_list_says_how_many_it_shows_of_how_many() -> None:
    order = "needs attention first"
    assert list_page.caption(Query(), 1, None) == f"1 connection, {order}"
    assert list_page.caption(Query(), 50, None) == f"50 connections, {order}"
    assert list_page.caption(Query(), 50, 1204) == f"50 of 1,204 connections, {order}"
    # The rows are newer than the count.
    assert list_page.caption(Query(), 50, 49) == f"50 of 50 connections, {order}"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "Counted 1 second ago."),
        (119, "Counted 119 seconds ago."),
        (120, "Counted 2 minutes ago."),
    ],
)
def test_a_list_says_how_old_its_count_is(seconds: int, said: str) -> None:
    counts = Counts([], NOW - timedelta(seconds=seconds), [], [])
    assert list_page.remarks(ListRequest(Query()), Page([], None, None), counts, NOW) == [said]
