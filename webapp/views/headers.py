"""Security headers on every answer, errors and static files too; never loosened by a view."""

from flask import Flask, Response, request

from webapp.settings import Settings

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
_HTTPS_ONLY = ("Strict-Transport-Security", "max-age=31536000")


def register(app: Flask, settings: Settings) -> None:
    """Add the headers to whatever is answered."""
    policy = content_security_policy(settings)
    always = [(name.lower(), (name, value)) for name, value in _ALWAYS.items()]
    if settings.https:
        always.append(("strict-transport-security", _HTTPS_ONLY))

    @app.after_request
    def _add(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code < 400:
            response.headers["Cache-Control"] = "public, max-age=3600"
        # One pass over what a view set: `setdefault` looks through all of it for each header.
        there = {name.lower() for name, _value in response.headers}
        response.headers.extend([pair for name, pair in always if name not in there])
        response.headers["Content-Security-Policy"] = policy
        if "cache-control" not in there:
            response.headers["Cache-Control"] = "no-store"
        return response


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
