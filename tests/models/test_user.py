"""A row answers for itself how a connection stands, by the clock it is given."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webapp.models import Health, Status, User
from webapp.services.refresh.schedule import next_refresh_at

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
A_MOMENT = timedelta(microseconds=1)


def person(**changes: Any) -> User:
    """A connection as it is after connecting, with some columns changed."""
    row: dict[str, Any] = {
        "status": Status.ACTIVE.value,
        "access_expires_at": NOW + 2 * HOUR,
        "refresh_expires_at": NOW + 180 * DAY,
        "next_at": NOW + HOUR,
        "claim": None,
        "scope": "",
        "asked_scope": "",
    }
    return User(**(row | changes))


@pytest.mark.parametrize(
    ("health", "changes"),
    [
        ("fresh", {}),
        ("fresh", {"next_at": None}),
        ("fresh", {"refresh_expires_at": None}),
        ("fresh", {"access_expires_at": NOW + A_MOMENT}),
        ("due", {"next_at": NOW}),
        ("due", {"next_at": NOW - HOUR}),
        ("refreshing", {"claim": "somebody"}),
        ("refreshing", {"claim": "somebody", "access_expires_at": NOW - HOUR}),
        ("refreshing", {"claim": "somebody", "status": "failing"}),
        ("due", {"claim": "crashed", "next_at": NOW}),
        ("failing", {"status": "failing"}),
        ("expired", {"status": "failing", "access_expires_at": NOW}),
        ("expired", {"access_expires_at": NOW}),
        ("expired", {"access_expires_at": None}),
        ("reconnect", {"refresh_expires_at": NOW}),
        ("reconnect", {"refresh_expires_at": NOW - DAY, "claim": "somebody"}),
        ("reconnect", {"status": "reconnect"}),
        ("revoking", {"status": "revoking", "claim": "somebody"}),
        ("revoked", {"status": "revoked", "access_expires_at": None}),
        ("revoked", {"status": "revoked", "refresh_expires_at": NOW - DAY}),
    ],
)
def test_health_is_what_status_and_clock_say(health: str, changes: dict[str, Any]) -> None:
    assert person(**changes).health(NOW) is Health(health)


def test_health_changes_with_the_clock_alone() -> None:
    user = person()
    after = [timedelta(0), HOUR, 2 * HOUR, 180 * DAY]
    assert [user.health(NOW + passed) for passed in after] == [
        Health.FRESH,
        Health.DUE,
        Health.EXPIRED,
        Health.RECONNECT,
    ]


def test_every_health_can_be_reached() -> None:
    marks = test_health_is_what_status_and_clock_say.pytestmark  # type: ignore[attr-defined]  # set by pytest
    assert {case[0] for case in marks[0].args[1]} == {health.value for health in Health}


@pytest.mark.parametrize(
    ("left", "ending"),
    [(14 * DAY, False), (14 * DAY - A_MOMENT, True), (-DAY, True), (180 * DAY, False)],
)
def test_operators_see_two_weeks_before_that_the_grant_ends(left: timedelta, ending: bool) -> None:
    assert person(refresh_expires_at=NOW + left).grant_ending(NOW) is ending


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (30 * DAY, None),
        (30 * DAY - A_MOMENT, 30),
        (7 * DAY, 30),
        (7 * DAY - A_MOMENT, 7),
        (DAY, 7),
        (DAY - A_MOMENT, 1),
    ],
)
def test_people_are_warned_a_month_a_week_and_a_day_before(
    left: timedelta, days: int | None
) -> None:
    assert person(refresh_expires_at=NOW + left).grant_warning(NOW) == days
    assert person(refresh_expires_at=None).grant_warning(NOW) is None


def test_a_grant_without_a_known_end_is_not_said_to_end() -> None:
    assert person(refresh_expires_at=None).grant_ending(NOW) is False


def test_scopes_are_a_set_and_none_is_the_empty_one() -> None:
    assert person().granted == person().asked == frozenset()
    user = person(scope="user.info.basic,video.list", asked_scope="user.info.basic")
    assert user.granted == {"user.info.basic", "video.list"}
    assert user.asked == {"user.info.basic"}


@pytest.mark.parametrize("life", [timedelta(seconds=1), 2 * HOUR, DAY, 365 * DAY])
def test_a_refresh_is_due_between_half_and_three_quarters_of_the_life(life: timedelta) -> None:
    shares = [(next_refresh_at(NOW, NOW + life) - NOW) / life for _ in range(500)]
    assert 0.5 <= min(shares) < 0.55
    assert 0.7 < max(shares) <= 0.75
