"""How often one address may call, and what counts as one address.

Counts are kept in RATELIMIT_STORAGE_URI. While that store is down, each process counts the views
that are marked with a limit by itself, and `wait` may let everything pass.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv6Address, ip_address
from time import time
from typing import Any

import structlog
from flask import Flask, current_app, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse

log = structlog.get_logger(__name__)

#: How often one address may be wrong about a key, a signature or a token.
FAILURES = parse("60 per minute")
#: Bits of an IPv6 address that name a network; its owner can use any address below them.
NETWORK = 64
_LIMITER = "coatcheck.limiter"


def client_network() -> str:
    """Return what counts as one address: an IPv4 address, or an IPv6 network of 64 bits.

    Anyone who has one IPv6 address usually has all 2^64 of its network.
    """
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = int(address) >> (128 - NETWORK) << (128 - NETWORK)
    return f"{IPv6Address(network)}/{NETWORK}"


def register(app: Flask, limits: Mapping[str, str]) -> None:
    """Limit how often one address may call each endpoint, in Flask-Limiter's notation."""

    def limited() -> str:
        # An empty name makes the limiter skip the request; services are limited by their key.
        endpoint = request.endpoint or ""
        return endpoint if endpoint in limits else ""

    limiter = Limiter(
        client_network, app=app, request_identifier=limited, in_memory_fallback_enabled=True
    )
    # Flask-Limiter itself keeps only a weak reference.
    app.extensions[_LIMITER] = limiter
    views: dict[str, Callable[..., Any]] = dict(app.view_functions)
    for endpoint, limit in limits.items():
        app.view_functions[endpoint] = limiter.limit(limit)(views[endpoint])


def wait(limit: RateLimitItem, *counted: str) -> float | None:
    """Count one call; return the seconds to wait if there were too many, else None.

    Flask-Limiter's own decorator would overwrite the Retry-After of a 503.
    """
    limiter: Limiter = current_app.extensions[_LIMITER]
    if not limiter.enabled:
        return None
    try:
        if limiter.limiter.hit(limit, *counted):
            return None
        reset_at = limiter.limiter.get_window_stats(limit, *counted).reset_time
    except Exception as error:  # noqa: BLE001  each store raises its own exceptions
        log.warning("limit_not_counted", error=type(error).__name__)
        return None
    return max(reset_at - time(), 1)


def wait_after_failure(what: str) -> int | None:
    """Count a failure of this address; return the seconds to wait if there were too many.

    Call it after the check, for failures only: one wrong caller must not lock out the right ones
    that share its address.
    """
    seconds = wait(FAILURES, what, client_network())
    return None if seconds is None else int(seconds) + 1
