"""What pages load: under addresses that name its content, and compressed as the pages are.

Flask's signed session cookie, for people only: below /api/v1/ none is read and none is set.

Security headers on every answer, errors and static files too; never loosened by a view.
"""

from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_compress import Compress
from werkzeug.datastructures import Headers

from webapp.settings import Settings
from webapp.views.http.api_contract import API

_COMPRESSED = {"text/html", "text/css", "text/javascript", "image/svg+xml"}


def register_assets(app: Flask) -> None:
    """Let `url_for("static", …)` name the content of the file: `/static/style.css?v=1f3a9c07`.

    Called last, because what is compressed is what the answer is in the end.
    """

    @app.url_defaults
    def _name_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            path = Path(str(app.static_folder), values["filename"])
            values["v"] = _fingerprint(path) if path.is_file() else None

    _compress(app)


def _compress(app: Flask) -> None:
    """Compress pages and what they load; never an export, nor what a service is handed."""
    app.config.update(COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_REGISTER=False)
    compress = Compress()
    compress.init_app(app)

    @app.after_request
    def _smaller(response: Response) -> Response:
        if response.mimetype not in _COMPRESSED or request.path.startswith(API):
            return response
        if request.endpoint == "static" and response.status_code == HTTPStatus.OK:
            # They are small, and a file that is sent as a stream would be left open.
            response.direct_passthrough = False
            response.make_sequence()
        return compress.after_request(response)


def cache_control() -> str:
    """Return how long the static file of this request may be kept: for good, if it was named."""
    filename = (request.view_args or {}).get("filename", "")
    if request.args.get("v") == _fingerprint(Path(str(current_app.static_folder), filename)):
        return "public, max-age=31536000, immutable"
    return "public, max-age=3600"


@lru_cache(maxsize=64)
def _fingerprint(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:8]


class BrowserSessions(SecureCookieSessionInterface):
    """The session of a browser. A service has none, so no cookie can ever speak for it."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session; an empty one for services."""
        if request.path.startswith(API):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie if anything changed; nothing, and no Vary: Cookie, for services."""
        # What was read is an empty session: nothing of theirs varies by a cookie.
        if not request.path.startswith(API):
            super().save_session(app, session, response)


_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"
    ),
    # Our own pages may see where a form came from; nobody else may.
    "Referrer-Policy": "same-origin",
}
#: Where a page may be more reserved than the rest; in all others it cannot be less.
_MAY_DIFFER = {"referrer-policy", "cache-control"}


def register(app: Flask, settings: Settings) -> None:
    """Add the headers to whatever is answered."""
    ours = {**always(settings), "Cache-Control": "no-store"}
    by_name = {name.lower(): (name, value) for name, value in ours.items()}

    @app.after_request
    def _add(response: Response) -> Response:
        endpoint = request.endpoint
        if endpoint == "connect.callback":
            # Its address holds the code, which must reach nobody (RFC 9700 §4.2).
            response.headers["Referrer-Policy"] = "no-referrer"
        if endpoint == "static" and response.status_code < 400:
            response.headers["Cache-Control"] = cache_control()
        _complete(response.headers, by_name)
        return response


def _complete(headers: Headers, ours: dict[str, tuple[str, str]]) -> None:
    """Add ours in one pass: setting them one by one takes four times as long, on every answer."""
    there = {name.lower() for name, _value in headers} & ours.keys()
    kept = there & _MAY_DIFFER
    for name in there - kept:
        del headers[name]
    headers.extend([pair for name, pair in ours.items() if name not in kept])


def always(settings: Settings) -> dict[str, str]:
    """Return what every answer carries; the server's own error answers too (gunicorn.conf.py)."""
    made = {**_ALWAYS, "Content-Security-Policy": content_security_policy(settings)}
    if settings.https:
        made["Strict-Transport-Security"] = "max-age=31536000"
    return made


def content_security_policy(settings: Settings) -> str:
    """Return the policy: nothing but our own style, script and pictures.

    `form-action` lists the provider's origin: Chromium blocks a form whose answer redirects to
    an origin that is not there. `connect-src` is only for tools that read robots.txt.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            f"form-action 'self' {settings.authorize_origin}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
