"""Words for times, numbers, names and states: right at the edges, and safe to print."""

from datetime import timedelta

import pytest

from tests.views.bare_app import NOW
from tests.views.scenes import HEALTHS
from webapp import language
from webapp.views.http import template_filters

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(0), "just now"),
        (-timedelta(seconds=59), "just now"),
        (timedelta(seconds=59), "in a moment"),
        (-MINUTE, "1 minute ago"),
        (59 * MINUTE, "in 59 minutes"),
        (-HOUR, "1 hour ago"),
        (2 * HOUR - timedelta(seconds=1), "in 1 hour"),
        (-3 * HOUR, "3 hours ago"),
        (DAY, "in 1 day"),
        (-40 * DAY, "40 days ago"),
        (364 * DAY, "in 364 days"),
        (-365 * DAY, "1 year ago"),
        (100 * 365 * DAY, "in 100 years"),
    ],
)
def test_a_time_is_told_in_whole_units_both_ways(distance: timedelta, words: str) -> None:
    assert template_filters.relative(NOW + distance, NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "5 seconds"),
        (5, "5 seconds"),
        (17, "20 seconds"),
        (55, "55 seconds"),
        (56, "1 minute"),
        (60, "1 minute"),
        (61, "65 seconds"),
        (91, "2 minutes"),
        (121, "3 minutes"),
        (3600, "1 hour"),
    ],
)
def test_a_wait_is_never_said_to_be_shorter_than_it_is(seconds: int, words: str) -> None:
    assert template_filters.about(seconds) == words


def test_exact_times_are_utc_and_say_so() -> None:
    assert template_filters.exact(NOW) == "22 November 2026, 14:05 UTC"
    assert language.day(NOW.replace(day=3)) == "3 November 2026"
    assert template_filters.clock_time(NOW.replace(hour=4)) == "04:05 UTC"
    assert template_filters.iso(NOW) == "2026-11-22T14:05:30Z"


def test_lists_are_said_as_people_say_them() -> None:
    assert template_filters.in_words([]) == ""
    assert template_filters.in_words(["a"]) == "a"
    assert template_filters.in_words(["a", "b"]) == "a and b"
    assert template_filters.in_words(["a", "b", "c"]) == "a, b and c"


def test_fragments_become_sentences_once() -> None:
    assert template_filters.sentence("public numbers only") == "Public numbers only."
    assert template_filters.sentence("It is so.") == "It is so."
    assert template_filters.quoted("a") == "“a”"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Mara Lindqvist", "Mara Lindqvist"),
        ("  Mara \t\r\n Lindqvist ", "Mara Lindqvist"),
        ("Mara\x00\x1b[31m\x7f", "Mara[31m"),
        ("\u202egnp.\u2066exe\u200f", "gnp.exe"),
        ("a\u2028b", "a b"),
        ("\ufeffMara\u00ad", "Mara"),
        ("👩\u200d🔧 Jo", "👩\u200d🔧 Jo"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("<b>Jo</b>", "<b>Jo</b>"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 49 + "…"),
        ("\ud800Jo", "Jo"),
        *((empty, "TikTok account") for empty in (None, "", "  ", "\u200d\u200d", "\u202e\n")),
    ],
)
def test_a_name_is_one_short_line_without_control_or_bidi_characters(
    raw: str | None, shown: str
) -> None:
    assert template_filters.display_name(raw) == shown


@pytest.mark.parametrize(
    ("raw", "letters"),
    [
        ("Mara Lindqvist", "ML"),
        ("mara von lindqvist", "ML"),
        ("Jo", "J"),
        ("@mara.l", "M"),
        ("愛子", "愛"),
        ("ßen", "S"),
        ("🔧 ✨", "?"),
        (None, "TA"),
    ],
)
def test_initials_are_one_or_two_capitals(raw: str | None, letters: str) -> None:
    assert template_filters.initials(raw) == letters


def test_every_health_has_words_for_people() -> None:
    assert set(template_filters.FOR_PEOPLE) == set(HEALTHS)
    for health in ("fresh", "due", "refreshing"):
        assert template_filters.health_tag(health) == ("ok", "Connected")
    assert template_filters.health_tag("failing") == ("warn", "Connected, retrying")
    assert template_filters.health_tag("reconnect") == ("bad", "Reconnect needed")
    assert template_filters.health_tag("revoking") == template_filters.health_tag("revoked")


def test_an_unknown_health_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        template_filters.health_tag("sleepy")
