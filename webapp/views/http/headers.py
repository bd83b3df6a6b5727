"""Response headers: security headers, caching and compression.

Security headers are on every response, including errors and static files.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, request
from flask_compress import Compress

from webapp.settings import Settings
from webapp.views.http.api_contract import API

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Pairs = list[tuple[str, str]]

_COMPRESSED = {"text/html", "text/css", "text/javascript", "image/svg+xml"}
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"
    ),
    # Only our own pages may see where a form came from.
    "Referrer-Policy": "same-origin",
}
#: Headers that a view may set itself; all others are overwritten.
_MAY_DIFFER = {"referrer-policy", "cache-control"}


def register_assets(app: Flask) -> None:
    """Add a fingerprint to `url_for("static", …)`: `/static/style.css?v=1f3a9c07`.

    Call it last, because it compresses the final response.
    """

    @app.url_defaults
    def _add_fingerprint(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values:
            values["v"] = _fingerprint(str(app.static_folder), values["filename"])

    _compress(app)


def _compress(app: Flask) -> None:
    """Compress pages and static files, but no exports and no API responses."""
    app.config.update(
        COMPRESS_ALGORITHM=["br", "gzip"],
        # The default takes twice as long to make a page an eighth smaller.
        COMPRESS_BR_LEVEL=2,
        COMPRESS_REGISTER=False,
    )
    compress = Compress()
    compress.init_app(app)

    @app.after_request
    def _compressed(response: Response) -> Response:
        if response.mimetype not in _COMPRESSED or request.path.startswith(API):
            return response
        if request.endpoint == "static" and response.status_code == HTTPStatus.OK:
            # The files are small, and a file sent as a stream would be left open.
            response.direct_passthrough = False
            response.make_sequence()
        return compress.after_request(response)


def cache_control() -> str:
    """Return the Cache-Control of a static file: immutable if requested by its fingerprint."""
    filename = (request.view_args or {}).get("filename", "")
    if request.args.get("v") == _fingerprint(str(current_app.static_folder), filename):
        return "public, max-age=31536000, immutable"
    return "public, max-age=3600"


@lru_cache(maxsize=64)
def _fingerprint(folder: str, filename: str) -> str | None:
    """Return the fingerprint of a static file, read once per process; None if there is no file."""
    path = Path(folder, filename)
    return sha256(path.read_bytes()).hexdigest()[:8] if path.is_file() else None


def register(app: Flask, settings: Settings) -> None:
    """Add the security headers to every response."""
    ours = {**always(settings), "Cache-Control": "no-store"}
    by_name = {name.lower(): (name, value) for name, value in ours.items()}

    @app.after_request
    def _let_differ(response: Response) -> Response:
        endpoint = request.endpoint
        if endpoint == "connect.callback":
            # Its address contains the code, which must not leak (RFC 9700 §4.2).
            response.headers["Referrer-Policy"] = "no-referrer"
        if endpoint == "static" and response.status_code < 400:
            response.headers["Cache-Control"] = cache_control()
        return response

    inner = app.wsgi_app

    def complete(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        # In the finished list: a response checks each header that it is given, every time.
        def start(status: str, headers: Pairs, *error: Any) -> Callable[[bytes], object]:
            return start_response(status, _completed(headers, by_name), *error)

        return inner(environ, start)

    app.wsgi_app = complete  # type: ignore[method-assign]  # as Flask's documentation does


def _completed(headers: Pairs, ours: dict[str, tuple[str, str]]) -> Pairs:
    """Return the headers of a response with ours."""
    names = [name.lower() for name, _value in headers]
    kept = _MAY_DIFFER.intersection(names)
    found = [
        pair for name, pair in zip(names, headers, strict=True) if name not in ours or name in kept
    ]
    return found + [pair for name, pair in ours.items() if name not in kept]


def always(settings: Settings) -> dict[str, str]:
    """Return the headers of every response, also of the server's own errors (gunicorn.conf.py)."""
    made = {**_ALWAYS, "Content-Security-Policy": content_security_policy(settings)}
    if settings.https:
        made["Strict-Transport-Security"] = "max-age=31536000"
    return made


def content_security_policy(settings: Settings) -> str:
    """Return the policy: only our own styles, scripts and images.

    `form-action` lists TikTok's origin because Chromium blocks forms that redirect to an origin
    not listed there. `connect-src` is only for tools that read robots.txt.
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
