"""Puts the fleet's numbers into Prometheus' words; no label ever names a person.

/metrics, for a scraper that shows METRICS_TOKEN; names no connection and no person.
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

from webapp import metrics as counters
from webapp.services.maintenance.health import Fleet, fleet_figures
from webapp.services.records import figures
from webapp.views.http import api_request
from webapp.views.http.guards import scraper
from webapp.views.http.runtime import runtime

#: What becomes of a refresh, so that each is a series from the start (services.verdicts).
OUTCOMES = (
    *("refreshed", "transient", "ambiguous", "throttled", "refused_once", "mass_rejection"),
    *("needs_person", "config", "key", "another_account"),
)
REASONS = ("config", "transient", "key")


def families(fleet: Fleet, version: str) -> Iterator[Metric]:
    """Yield all that is known of the fleet; with the database away that is little."""
    yield InfoMetricFamily("coatcheck_build", "The release.", {"version": version})
    yield _gauge("database_up", "Whether the database answers.", float(fleet.up))
    doubts = GaugeMetricFamily(
        "coatcheck_trouble", "What is wrong, as /readyz and flask doctor name it.", labels=["name"]
    )
    for name in fleet.troubles:
        doubts.add_metric([name], 1)
    yield doubts
    if fleet.up:
        yield from _refreshes(fleet)
        yield from _state_gauges(fleet)


def _refreshes(fleet: Fleet) -> Iterator[Metric]:
    outcomes = CounterMetricFamily(
        "coatcheck_refreshes",
        "Refreshes asked of TikTok, by outcome.",
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
    # The last class takes whatever is slower than the bound before it.
    buckets.append(("+Inf", float(seen + beyond[1])))
    # Only the classes are kept, so there is no sum.
    return HistogramMetricFamily(
        "coatcheck_tiktok_answer_seconds", "How long TikTok took to answer.", buckets
    )


def _state_gauges(fleet: Fleet) -> Iterator[Metric]:
    if fleet.connections is not None:
        connections = GaugeMetricFamily(
            "coatcheck_connections", "Connections, by how they stand.", labels=["status"]
        )
        for status, count in fleet.connections.items():
            connections.add_metric([status], count)
        yield connections
    if fleet.work is not None:
        yield _gauge("worker_lag_seconds", "How long the longest overdue waits.", fleet.work.lag)
        yield _gauge("pace_ratio", "The part of REFRESH_RATE that is allowed.", fleet.work.part)
    breaker = GaugeMetricFamily(
        "coatcheck_breaker_open", "1 where refreshes are held back.", labels=["reason"]
    )
    for reason in REASONS:
        breaker.add_metric([reason], float(reason == fleet.open_reason))
    yield breaker
    yield _gauge("notices_waiting", "Notices that were not delivered yet.", fleet.waiting)
    yield _gauge("notices_given_up", "Notices that nobody took.", fleet.given_up)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"coatcheck_{name}", help_text, value)


blueprint = Blueprint("metrics", __name__)

_CHANGES = Path(__file__).resolve().parents[3] / "CHANGELOG.md"


@blueprint.get("/metrics")
@scraper
def show() -> Response:
    """Answer with all numbers: 404 without METRICS_TOKEN, 401 for whoever does not show it."""
    ours = runtime()
    token = ours.settings.metrics_token.get_secret_value()
    if not token:
        return abort(404)
    if not hmac.compare_digest(api_request.bearer().encode(), token.encode()):
        return Response("", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    found = families(fleet_figures(ours, ours.clock()), release())
    return Response(counters.exposition(found), content_type=CONTENT_TYPE_LATEST)


@cache
def release() -> str:
    """Return the newest release that CHANGELOG.md names."""
    found = re.search(r"^# (\S+)", _CHANGES.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else "unknown"
