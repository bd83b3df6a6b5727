"""Whether the process is alive and can serve, for whatever watches it; tells no secret."""

from flask import Blueprint, Response, jsonify

from webapp.services import status as state
from webapp.views.guards import public
from webapp.views.house import house

status = Blueprint("status", __name__)


@status.get("/healthz")
@public
def healthz() -> Response:
    """Answer that the process is alive."""
    return jsonify(status="ok")


@status.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Answer whether the database, its migrations and the keys are in order: 200 or 503."""
    faults = state.faults(house())
    found = [{"name": each.name, "cause": each.cause} for each in faults]
    return jsonify(status="not ready" if faults else "ok", faults=found), 503 if faults else 200
