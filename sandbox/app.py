"""Puts the pretend TikTok together; the one file of the sandbox that knows all its rooms."""

from ipaddress import ip_address

from flask import Flask, Response, abort, render_template, request
from werkzeug.exceptions import HTTPException

from sandbox import authorize, control_api, profile_and_videos, token
from sandbox.registration import Registration
from sandbox.runtime import EXTENSION, desk, furnish
from sandbox.wishes import problem

WITH_SLASH = (
    "/v2/auth/authorize/",
    "/v2/oauth/token/",
    "/v2/oauth/revoke/",
    "/v2/user/info/",
    "/v2/video/list/",
)
JANUS = "Unsupported path(Janus)"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(registration: Registration) -> Flask:
    """Return the pretend TikTok for one registered app."""
    app = Flask(__name__)
    # A page of the web must not reach it under a name that was pointed at 127.0.0.1.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.extensions[EXTENSION] = furnish(registration)
    app.before_request(_only_this_machine)
    app.after_request(_headers)
    app.register_error_handler(HTTPException, _plain_error)
    for room in (authorize, token, profile_and_videos, control_api):
        app.register_blueprint(room.blueprint)
    for path in WITH_SLASH:
        app.add_url_rule(
            path.rstrip("/"), "unsupported", _unsupported, methods=["GET", "POST", "PUT", "DELETE"]
        )
    app.add_url_rule("/", "index", _index)
    return app


def _index() -> str:
    return render_template("index.html", people=desk().books.people())


def _unsupported() -> Response:
    return Response(JANUS, status=404, content_type="text/plain")


def _only_this_machine() -> None:
    if request.remote_addr is None or not ip_address(request.remote_addr).is_loopback:
        abort(403)


def _plain_error(error: HTTPException) -> Response:
    status = error.code or 500
    if request.path.startswith("/control/"):
        return problem(error.description or error.name, status)
    if status == 404:
        return _unsupported()
    return Response(f"Pretend TikTok: {status} {error.name}", status, content_type="text/plain")


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
