"""The headers that every answer must carry, written down once and compared by value."""

from collections.abc import Mapping

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"
    ),
}
#: The one place where a page may be stricter than the rest.
REFERRER = ("same-origin", "no-referrer")
#: Directive → what it must say; `form-action` names TikTok, so it is looked at by itself.
POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def faults(headers: Mapping[str, str], authorize_origin: str) -> list[str]:
    """Return what is missing from an answer's headers, or says something else than it must."""
    found = [f"{name}: {headers.get(name)}" for name in ALWAYS if headers.get(name) != ALWAYS[name]]
    if headers.get("Referrer-Policy") not in REFERRER:
        found.append(f"Referrer-Policy: {headers.get('Referrer-Policy')}")
    policy = directives(headers.get("Content-Security-Policy", ""))
    if policy != POLICY | {"form-action": f"'self' {authorize_origin}"}:
        found.append(f"Content-Security-Policy: {policy}")
    if not headers.get("Cache-Control"):
        found.append("Cache-Control")
    return found


def directives(policy: str) -> dict[str, str]:
    """Return a content security policy as directive → sources."""
    pairs = (part.strip().partition(" ") for part in policy.split(";") if part.strip())
    return {name: sources for name, _space, sources in pairs}
