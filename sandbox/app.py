"""The Flask app of the mock TikTok: its routes, its headers, and who may reach it."""

from ipaddress import ip_address

from flask import Flask, Response, abort, render_template, request
from werkzeug.exceptions import HTTPException

from sandbox import authorize, control_api, profile_and_videos, token
from sandbox.control_api import error_response
from sandbox.runtime import EXTENSION, new_runtime, runtime
from sandbox.settings import RegisteredApp

WITH_SLASH = (
    "/v2/auth/authorize/",
    "/v2/oauth/token/",
    "/v2/oauth/revoke/",
    "/v2/user/info/",
    "/v2/video/list/",
)
JANUS = "Unsupported path(Janus)"  # TikTok's own words for an unknown path
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(registered: RegisteredApp) -> Flask:
    """Return a mock TikTok for one registered app."""
    app = Flask(__name__)
    # Keeps web pages from reaching it by a name that resolves to 127.0.0.1 (DNS rebinding).
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.extensions[EXTENSION] = new_runtime(registered)
    app.before_request(_loopback_only)
    app.after_request(_add_headers)
    app.register_error_handler(HTTPException, _error)
    for part in (authorize, token, profile_and_videos, control_api):
        app.register_blueprint(part.blueprint)
    for path in WITH_SLASH:
        app.add_url_rule(
            path.rstrip("/"), "unsupported", _unsupported, methods=["GET", "POST", "PUT", "DELETE"]
        )
    app.add_url_rule("/", "index", _index)
    return app


def _index() -> str:
    return render_template("index.html", people=runtime().store.listed_people())


def _unsupported() -> Response:
    return Response(JANUS, status=404, content_type="text/plain")


def _loopback_only() -> None:
    if request.remote_addr is None or not ip_address(request.remote_addr).is_loopback:
        abort(403)


def _error(error: HTTPException) -> Response:
    status = error.code or 500
    if request.path.startswith("/control/"):
        return error_response(error.description or error.name, status)
    if status == 404:
        return _unsupported()
    return Response(f"Mock TikTok: {status} {error.name}", status, content_type="text/plain")


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
