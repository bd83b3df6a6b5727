"""/metrics in Prometheus' format, for a scraper with METRICS_TOKEN.

No label names a connection or a person.
"""

import hmac
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from webapp.metrics import exposition
from webapp.services.maintenance.health import Fleet, fleet_figures
from webapp.services.records import figures
from webapp.views.http import limits
from webapp.views.http.guards import bearer, scraper
from webapp.views.http.runtime import runtime

blueprint = Blueprint("metrics", __name__)

_CHANGELOG = Path(__file__).resolve().parents[3] / "CHANGELOG.md"
#: Outcomes of a refresh (services.refresh.verdicts); listed, so each series exists from the start.
OUTCOMES = (
    *("refreshed", "transient", "ambiguous", "throttled", "refused_once", "mass_rejection"),
    *("needs_person", "config", "key", "another_account"),
)
REASONS = ("config", "transient", "key")


@blueprint.get("/metrics")
@scraper
def show() -> Response:
    """Return all metrics.

    404 if METRICS_TOKEN isn't set, 401 for a request without it, 429 for too many of those.
    """
    token = runtime().settings.metrics_token.get_secret_value()
    if not token:
        return abort(404)
    if not hmac.compare_digest(bearer().encode(), token.encode()):
        if (seconds := limits.wait_after_failure("metrics")) is not None:
            return Response("", 429, {"Retry-After": str(seconds)}, mimetype="text/plain")
        return Response("", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    found = families(fleet_figures(runtime(), runtime().clock()), release())
    return Response(exposition(found), content_type=CONTENT_TYPE_LATEST)


@cache
def release() -> str:
    """Return the newest release in CHANGELOG.md."""
    found = re.search(r"^# (\S+)", _CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else "unknown"


def families(fleet: Fleet, version: str) -> Iterator[Metric]:
    """Yield all metrics; only a few if the database is unreachable."""
    yield InfoMetricFamily("coatcheck_build", "The release.", {"version": version})
    yield _gauge("database_up", "Whether the database answers.", float(fleet.up))
    troubles = GaugeMetricFamily(
        "coatcheck_trouble", "Problems, named as in /readyz and flask doctor.", labels=["name"]
    )
    for name in fleet.troubles:
        troubles.add_metric([name], 1)
    yield troubles
    if fleet.up:
        yield from _refreshes(fleet)
        yield from _state_gauges(fleet)


def _refreshes(fleet: Fleet) -> Iterator[Metric]:
    outcomes = CounterMetricFamily(
        "coatcheck_refreshes",
        "Refresh requests to TikTok, by outcome.",
        labels=["outcome"],
    )
    found = {
        what.removeprefix("failed."): count
        for what, count in fleet.totals.items()
        if what == "refreshed" or what.startswith("failed.")
    }
    for outcome, count in (dict.fromkeys(OUTCOMES, 0) | found).items():
        outcomes.add_metric([outcome], count)
    yield outcomes
    yield CounterMetricFamily(
        "coatcheck_revocations", "Connections that ended.", fleet.totals.get("revoked", 0)
    )
    yield _answer_times(fleet)


def _answer_times(fleet: Fleet) -> Metric:
    *bounds, beyond = figures.answer_time_counts(fleet.totals).items()
    buckets, seen = [], 0
    for bound, count in bounds:
        seen += count
        buckets.append((str(bound / 1000), float(seen)))
    buckets.append(("+Inf", float(seen + beyond[1])))
    # Only the classes are stored, so there is no sum.
    return HistogramMetricFamily(
        "coatcheck_tiktok_answer_seconds", "How long TikTok took to answer.", buckets
    )


def _state_gauges(fleet: Fleet) -> Iterator[Metric]:
    if fleet.connections is not None:
        connections = GaugeMetricFamily(
            "coatcheck_connections", "Connections, by status.", labels=["status"]
        )
        for status, count in fleet.connections.items():
            connections.add_metric([status], count)
        yield connections
    if fleet.work is not None:
        yield _gauge(
            "worker_lag_seconds", "How long the most overdue refresh has waited.", fleet.work.lag
        )
        yield _gauge("pace_ratio", "The part of REFRESH_RATE in use.", fleet.work.part)
    breaker = GaugeMetricFamily(
        "coatcheck_breaker_open", "1 if refreshes are paused for this reason.", labels=["reason"]
    )
    for reason in REASONS:
        breaker.add_metric([reason], float(reason == fleet.open_reason))
    yield breaker
    yield _gauge("notices_waiting", "Notifications not delivered yet.", fleet.waiting)
    yield _gauge("notices_given_up", "Notifications that were given up.", fleet.given_up)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"coatcheck_{name}", help_text, value)
