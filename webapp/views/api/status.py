"""Liveness and readiness for monitoring. They show no secret."""

from flask import Blueprint, Response, jsonify

from webapp.services.maintenance import database_checks, troubles
from webapp.views.http.guards import public
from webapp.views.http.runtime import runtime

blueprint = Blueprint("status", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """Report that the process is alive."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Report whether pages can be served (database, migrations, keys); 503 if not.

    Problems with refreshing (worker late, breaker open, foreign database) are `doubts` with status
    200: removing web processes would fix none of them, and without a worker, they refresh on
    demand.
    """
    faults = database_checks.faults(runtime())
    doubts = [] if faults else troubles.doubts(runtime())
    return jsonify(
        status="not ready" if faults else "degraded" if doubts else "ok",
        faults=[{"name": each.name, "cause": each.cause} for each in faults],
        doubts=[{"name": each.name, "cause": each.cause} for each in doubts],
    ), 503 if faults else 200
