"""Security headers on every answer, errors and static files too; never loosened by a view."""

from flask import Flask, Response, request
from werkzeug.datastructures import Headers

from webapp.settings import Settings
from webapp.views.http import assets

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
            response.headers["Cache-Control"] = assets.cache_control()
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
