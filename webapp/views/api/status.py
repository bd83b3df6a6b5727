"""Whether the process is alive and can serve, for whatever watches it; tells no secret."""

from flask import Blueprint, Response, jsonify

from webapp.services.maintenance import database_checks, troubles
from webapp.views.http.guards import public
from webapp.views.http.runtime import runtime

blueprint = Blueprint("status", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """Answer that the process is alive."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Answer whether pages can be served: database, migrations, keys; 503 if not.

    What is wrong with the keeping (worker late, breaker open, foreign database) is told as a
    doubt under 200: taking web processes away would fix none of it, and while the worker is
    away it is they who refresh what somebody asks for.
    """
    ours = runtime()
    faults = database_checks.faults(ours)
    doubts = [] if faults else troubles.doubts(ours)
    return jsonify(
        status="not ready" if faults else "degraded" if doubts else "ok",
        faults=[{"name": each.name, "cause": each.cause} for each in faults],
        doubts=[{"name": each.name, "cause": each.cause} for each in doubts],
    ), 503 if faults else 200
