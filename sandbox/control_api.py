"""The levers for tests and demos under /control/ (README.md here lists them); never TikTok's API.

Only callers on this machine get here, and only with JSON, which no foreign web page can send
without asking first.
"""

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, request

from sandbox import consents
from sandbox.faults import ENDPOINTS, read
from sandbox.runtime import desk
from sandbox.settings import Latency, Lifetimes, Manners
from sandbox.wishes import person_named, problem, wished

blueprint = Blueprint("control", __name__, url_prefix="/control")
blueprint.register_blueprint(consents.blueprint)


@blueprint.errorhandler(ValueError)
def _refused(error: ValueError) -> Response:
    return problem(str(error))


@blueprint.before_request
def _json_only() -> Response | None:
    if request.method == "POST" and request.path != "/control/trap" and not request.is_json:
        return problem("send JSON with Content-Type: application/json", 415)
    return None


@blueprint.get("/faults")
def list_faults() -> Response:
    """List the faults that are not used up."""
    return jsonify({"faults": desk().faults.standing()})


@blueprint.post("/faults")
def order_fault() -> Response:
    """Order a fault."""
    fault = read(wished())
    desk().faults.order(fault)
    return jsonify(fault.as_json())


@blueprint.delete("/faults")
def clear_faults() -> Response:
    """Call every fault off."""
    desk().faults.clear()
    return jsonify({"faults": []})


@blueprint.route("/trap", methods=["GET", "POST", "PUT", "DELETE"])
def trap() -> Response:
    """Catch whoever follows the redirect fault."""
    desk().counters.trapped(
        request.method,
        body=bool(request.get_data()),
        authorization="Authorization" in request.headers,
    )
    return jsonify({"trapped": True})


@blueprint.post("/lifetimes")
def lifetimes() -> Response:
    """Set the lives, in seconds, of what is handed out from now on."""
    return _turn(desk().knobs.lifetimes)


@blueprint.post("/settings")
def settings() -> Response:
    """Set manners."""
    wish = wished()
    if wish.get("auto_auth") is not None:
        person_named(wish, "auto_auth")
    return _turn(desk().knobs.manners)


@blueprint.post("/latency")
def latency() -> Response:
    """Let calls wait; replaces the latency before."""
    wish, fresh = wished(), Latency()
    if wish.get("endpoint") not in (None, *ENDPOINTS):
        raise ValueError(f"unknown endpoint; known: {', '.join(ENDPOINTS)}")
    knobs = desk().knobs
    knobs.turn(fresh, wish)
    knobs.latency = fresh
    return jsonify(_shown(fresh))


@blueprint.post("/release")
def release() -> Response:
    """End the latency, for the calls that wait too."""
    desk().knobs.release()
    return jsonify(_shown(desk().knobs.latency))


@blueprint.get("/counters")
def counters() -> Response:
    """Tell what was called, how it ended and which dead refresh tokens were seen."""
    here = desk()
    dead = here.books.dead_seen()
    return jsonify(
        {
            **here.counters.as_json(),
            "spent_refresh_tokens_seen": dead["spent"],
            "dead_refresh_tokens_seen": dead,
        }
    )


@blueprint.get("/books")
def books() -> Response:
    """Tell what lives, by open_id, tokens as SHA-256."""
    return jsonify({"grants": desk().books.summary()})


@blueprint.post("/forget")
def forget() -> Response:
    """Forget everything: as at the start."""
    desk().forget()
    return jsonify({"forgotten": True})


def _turn(group: Lifetimes | Manners) -> Response:
    desk().knobs.turn(group, wished())
    return jsonify(_shown(group))


def _shown(group: Lifetimes | Manners | Latency) -> Mapping[str, object]:
    return {name: getattr(group, name) for name in type(group).__slots__}
