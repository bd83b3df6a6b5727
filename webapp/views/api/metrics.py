"""/metrics, for a scraper that shows METRICS_TOKEN; names no connection and no person."""

import hmac
import re
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort
from prometheus_client import CONTENT_TYPE_LATEST

from webapp import metrics as counters
from webapp.services.maintenance.health import fleet_figures
from webapp.views.api.fleet_metrics import families
from webapp.views.http import api_asking
from webapp.views.http.guards import scraper
from webapp.views.http.house import house

blueprint = Blueprint("metrics", __name__)

_CHANGES = Path(__file__).resolve().parents[3] / "CHANGELOG.md"


@blueprint.get("/metrics")
@scraper
def show() -> Response:
    """Answer with all numbers: 404 without METRICS_TOKEN, 401 for whoever does not show it."""
    ours = house()
    token = ours.settings.metrics_token.get_secret_value()
    if not token:
        return abort(404)
    if not hmac.compare_digest(api_asking.bearer().encode(), token.encode()):
        return Response("", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    found = families(fleet_figures(ours, ours.clock()), release())
    return Response(counters.exposition(found), content_type=CONTENT_TYPE_LATEST)


@cache
def release() -> str:
    """Return the newest release that CHANGELOG.md names."""
    found = re.search(r"^# (\S+)", _CHANGES.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else "unknown"
