"""What the health page gets to show: when all is well, and when nothing is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from webapp import language
from webapp.problems import Problem
from webapp.services.maintenance.database_checks import StoredDatabase
from webapp.services.maintenance.health import HealthFacts, Work
from webapp.services.notifications.outbox import DeliveryStatus
from webapp.services.records.figures import AnswerTimes, Bar
from webapp.views.operators.health import chart

NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

WELL = HealthFacts(
    at=NOW,
    troubles=[],
    work=Work(lag=0, is_late=False, pace=3.25, allowed=8, part=1),
    paused=None,
    paused_since=None,
    next_probe=None,
    answers=AnswerTimes(1200, 100, 250),
    database=StoredDatabase("SQLite 3.50.0", "0006", 4_200_000, 32_768, wal=True),
    key_id="3f9ca01e",
    other_keys=0,
    rescue=False,
    bound_at=NOW - 40 * DAY,
    notices=DeliveryStatus("", 0, None, 0, None, None),
)
ILL = HealthFacts(
    at=NOW,
    troubles=[
        Problem(
            "worker",
            language.deferred_ngettext(
                "the longest overdue refresh has waited for %(num)s minute",
                "the longest overdue refresh has waited for %(num)s minutes",
                30,
            ),
            language.deferred_gettext("start a worker: flask tokens run"),
        )
    ],
    work=Work(lag=1830, is_late=True, pace=0, allowed=2, part=0.25),
    paused=Problem(
        "breaker",
        language.deferred_gettext("TikTok isn't responding"),
        language.deferred_gettext("nothing to do: we retry every 30 seconds"),
    ),
    paused_since=NOW - HOUR,
    next_probe=NOW + timedelta(seconds=20),
    answers=AnswerTimes(3, None, None),
    database=StoredDatabase("PostgreSQL 17.1", "", 4_200_000, None, wal=True),
    key_id="3f9ca01e",
    other_keys=None,
    rescue=True,
    bound_at=None,
    notices=DeliveryStatus("tickets.example", 2, NOW - DAY, 1, None, "503"),
)


def _charts(*, empty: bool) -> list[Any]:
    many = 0 if empty else 37
    hours = [Bar(NOW + n * HOUR, n * many, n % 3 * many) for n in range(24)]
    days = [Bar(NOW + n * DAY, n * many, n % 3 * many) for n in range(30)]
    ahead = None if empty else [Bar(NOW + n * DAY * 7, n, 0) for n in range(12)]
    return [
        chart("hours", hours),
        chart("days", days),
        chart("expiries", hours),
        chart("reconnects", ahead),
    ]


CONTEXTS: dict[str, dict[str, Any]] = {
    "health": {
        "facts": WELL,
        "charts": _charts(empty=False),
        "counted_at": NOW - timedelta(minutes=1),
        "notices": [],
    },
    "health-ill": {
        "facts": ILL,
        "charts": _charts(empty=True),
        "counted_at": None,
        "notices": [],
    },
}
