"""The chart of one connection: its refreshes by day, of no day that its history doesn't cover."""

from datetime import UTC, datetime, timedelta

from webapp.actor import Actor
from webapp.models import User
from webapp.services.operators.connection import refreshes_by_day
from webapp.services.records import history
from webapp.views.operators.health import connection_chart

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
WORKER = Actor("worker", "", "")


def person(*entries: tuple[float, str], days: int = 90) -> User:
    """Return a row with a history of (hours ago, word), the newest first."""
    lines = [
        history.format_entry(NOW - timedelta(hours=hours), word, WORKER, 200, "", "2026112214")
        for hours, word in entries
    ]
    text = "".join(lines)[: history.LONGEST]
    return User(created_at=NOW - timedelta(days=days), history=text)


def test_each_day_has_what_was_refreshed_and_what_failed() -> None:
    user = person((1, "failed"), (2, "refreshed"), (3, "refreshed"), (30, "needs_user"))
    bars = refreshes_by_day(user, NOW)
    assert len(bars) == 30
    assert [(bar.refreshed, bar.failed) for bar in bars[-3:]] == [(0, 0), (0, 1), (2, 1)]
    assert bars[-1].start == datetime(2026, 11, 22, tzinfo=UTC)


def test_no_day_is_shown_before_the_person_connected() -> None:
    assert len(refreshes_by_day(person((1, "refreshed"), days=3), NOW)) == 4


def test_a_history_that_was_cut_off_shows_only_the_days_it_covers_whole() -> None:
    user = person(*[(hours, "refreshed") for hours in range(0, 400, 6)])
    oldest = history.parse(user.history)[-1].at
    bars = refreshes_by_day(user, NOW)
    assert bars[0].start.date() == oldest.date() + timedelta(days=1)
    assert all(bar.refreshed == 4 for bar in bars[:-1])


def test_without_a_refresh_there_is_no_chart() -> None:
    assert connection_chart(refreshes_by_day(person((1, "handed_out")), NOW)) is None
    drawn = connection_chart(refreshes_by_day(person((1, "refreshed"), days=3), NOW))
    assert drawn is not None
    assert drawn.title == "Refreshes in the last 4 days"
