"""When to act next: spread, bounded, and early enough; pure arithmetic, no database."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from webapp.services.refresh import schedule

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.rule(31)
@pytest.mark.parametrize("life", [60, 7_200, 86_400])
def test_a_refresh_comes_between_half_and_three_quarters_of_a_life(life: int) -> None:
    ends = NOW + timedelta(seconds=life)
    moments = [schedule.next_refresh_at(NOW, ends) for _times in range(500)]
    assert min(moments) >= NOW + timedelta(seconds=life * 0.5)
    assert max(moments) <= NOW + timedelta(seconds=life * 0.75)


@pytest.mark.parametrize(("life", "share"), [(7_200, 0.05), (86_400, 0.005)])
def test_ten_thousand_who_connect_in_one_second_are_refreshed_spread_out(
    monkeypatch: pytest.MonkeyPatch, life: int, share: float
) -> None:
    """A fixed margin refreshes all of them in one minute, for ever."""
    # Seeded: of true dice one run in fifty puts a few too many into one of its thousand minutes.
    monkeypatch.setattr(schedule, "_random", random.Random(7))
    due = [NOW] * 10_000
    for _round in range(3):
        due = [schedule.next_refresh_at(at, at + timedelta(seconds=life)) for at in due]
        minutes = Counter(at.replace(second=0, microsecond=0) for at in due)
        assert max(minutes.values()) < share * len(due)


def test_those_who_failed_together_come_back_spread_out() -> None:
    again = [schedule.back_off(4, NOW, None) for _row in range(10_000)]
    minutes = Counter(at.replace(second=0, microsecond=0) for at in again)
    assert max(minutes.values()) < 0.16 * len(again)


@pytest.mark.rule(36)
@pytest.mark.parametrize(
    ("failures", "longest"), [(0, 60), (1, 120), (2, 240), (3, 480), (4, 900), (5, 900), (999, 900)]
)
def test_the_back_off_doubles_to_a_quarter_of_an_hour_half_of_it_random(
    failures: int, longest: float
) -> None:
    waits = [(schedule.back_off(failures, NOW, None) - NOW).total_seconds() for _ in range(300)]
    assert longest / 2 <= min(waits) < longest * 0.6
    assert longest * 0.9 < max(waits) <= longest


@pytest.mark.rule(36)
@pytest.mark.parametrize("life", [300, 1_800, 7_200, 86_400])
@pytest.mark.parametrize("failures", [0, 3, 50])
def test_at_least_four_tries_fit_into_the_life_that_is_left(life: int, failures: int) -> None:
    ends = NOW + timedelta(seconds=life)
    at, tries = NOW, 0
    while at < ends:
        at = schedule.back_off(failures + tries, at, ends)
        tries += 1
    assert tries >= 4


def test_a_life_that_is_over_makes_no_storm() -> None:
    for over in (None, NOW, NOW - timedelta(days=1)):
        assert (schedule.back_off(0, NOW, over) - NOW).total_seconds() >= 30
    almost = NOW + timedelta(seconds=1)
    assert (schedule.back_off(0, NOW, almost) - NOW).total_seconds() >= 7.5


def test_the_quick_retry_comes_in_two_to_five_seconds() -> None:
    for _times in range(200):
        assert 2 <= (schedule.soon(NOW) - NOW).total_seconds() <= 5


def test_what_nobody_uses_is_only_kept_from_ending() -> None:
    access, grant = NOW + timedelta(hours=2), NOW + timedelta(days=180)
    idle = schedule.keep_alive_at(NOW, access, grant, idle=True)
    assert timedelta(days=90) <= idle - NOW <= timedelta(days=135)
    for kept in (
        schedule.keep_alive_at(NOW, access, grant, idle=False),
        schedule.keep_alive_at(NOW, access, None, idle=True),
        schedule.keep_alive_at(NOW, access, NOW + timedelta(hours=1), idle=True),
    ):
        assert timedelta(hours=1) <= kept - NOW <= timedelta(hours=1.5)
