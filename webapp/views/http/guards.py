"""Who may call a route: every view says so or the app does not start; deny comes first."""

import errno
from collections.abc import Callable, Iterator
from time import time
from typing import Any, Literal, TypeVar

import structlog
from flask import Flask, abort, current_app, flash, g, redirect, request, url_for
from flask_limiter import Limiter
from flask_wtf import CSRFProtect
from limits import RateLimitItem, parse
from werkzeug.wrappers import Response

from webapp.acting import Kind
from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.authority import NoLongerAllowed
from webapp.services.handout import handout
from webapp.services.refresh.on_demand import Pending
from webapp.views.http import actors, api_asking, first_operator
from webapp.views.http.api_problems import problem
from webapp.views.http.house import house
from webapp.views.http.visitor import visitor

log = structlog.get_logger(__name__)

#: Where the server's log finds the public part of a service's key.
KEY_ID = "coatcheck.key_id"
Access = Literal[
    "public", "person", "operator", "operator_or_first", "service", "tiktok", "scraper"
]
View = TypeVar("View", bound=Callable[..., Any])


class UnguardedRoute(RuntimeError):
    """A route does not say who may call it."""


def access(who: Access) -> Callable[[View], View]:
    """Mark a view with who may call it."""

    def mark(view: View) -> View:
        view.access = who  # type: ignore[attr-defined]  # a mark on the function is the point
        return view

    return mark


def at_most(limit: str) -> Callable[[View], View]:
    """Mark a view with how often one address may call it, in Flask-Limiter's words."""

    def mark(view: View) -> View:
        view.limit = limit  # type: ignore[attr-defined]  # app.py hands the mark to the limiter
        return view

    return mark


def at_most_a_key(limit: str) -> Callable[[View], View]:
    """Mark a service's view with how often one key may call it, in Flask-Limiter's words."""
    parsed = parse(limit)

    def mark(view: View) -> View:
        view.key_limit = parsed  # type: ignore[attr-defined]  # read at the door, below
        return view

    return mark


public = access("public")
person = access("person")
operator = access("operator")
#: An operator; and anybody until the first one exists, to whom the view shows no value.
operator_or_first = access("operator_or_first")
service = access("service")
#: Checked by the signature, in the view: only that knows the raw body.
tiktok = access("tiktok")
#: Checked by METRICS_TOKEN, in the view.
scraper = access("scraper")


_SIGNED_OUT = N_("You are not signed in any more, so nothing was done. Sign in and try again.")
_SAFE = ("GET", "HEAD", "OPTIONS")


def register(app: Flask) -> None:
    """Ask at the door of every request. A route that matched nothing stays a 404 or 405."""
    first_operator.register(app)

    @app.before_request
    def _at_the_door() -> Response | None:
        endpoint = request.endpoint
        if endpoint is None or request.routing_exception is not None:
            return None
        who = access_of(app, endpoint)
        actors.enter(who)
        if who == "service":
            return _refuse_service(getattr(app.view_functions[endpoint], "key_limit", None))
        return _refuse(who)


def access_of(app: Flask, endpoint: str) -> Access | None:
    """Return who may call this endpoint; None if its view does not say."""
    if endpoint == "static":
        return "public"
    return getattr(app.view_functions[endpoint], "access", None)


def require_access_everywhere(app: Flask) -> None:
    """Raise UnguardedRoute, naming them all, if any route does not say who may call it."""
    silent = sorted(
        rule.endpoint for rule in app.url_map.iter_rules() if not access_of(app, rule.endpoint)
    )
    if silent:
        raise UnguardedRoute(f"say who may call: {', '.join(silent)} (webapp/views/http/guards.py)")


def exempt_from_csrf(app: Flask, csrf: CSRFProtect) -> None:
    """Ask no CSRF token of callers that no cookie speaks for: a browser cannot act as them."""
    for endpoint, view in app.view_functions.items():
        if access_of(app, endpoint) in ("service", "tiktok"):
            csrf.exempt(view)


def _refuse_service(limit: RateLimitItem | None) -> Response | None:
    """Accept a service by its key alone; `g.arrival` then holds the row it asks for."""
    asked = request.view_args or {}
    try:
        arrival = handout.check_call(house(), api_asking.bearer(), asked.get("open_id", ""))
    except handout.BadKey:
        return problem("bad_key")
    except Pending as error:
        wait = error.retry_after.total_seconds()
        return problem("refresh_pending", retry_after=wait, cause=error.cause)
    g.arrival = arrival
    actors.name("service", arrival.key_name, arrival.key_id)
    # For the line that the server writes of every request.
    request.environ[KEY_ID] = arrival.key_id
    return _refuse_haste(limit, arrival.key_id)


def _refuse_haste(limit: RateLimitItem | None, key_id: str) -> Response | None:
    # Flask-Limiter's own decorator would put its Retry-After over that of a 503.
    limiter: Limiter = current_app.extensions["coatcheck.limiter"]
    if limit is None or not limiter.enabled or limiter.limiter.hit(limit, key_id):
        return None
    return problem(
        "rate_limited",
        retry_after=limiter.limiter.get_window_stats(limit, key_id).reset_time - time(),
    )


def _refuse(who: Access | None) -> Response | None:
    present = visitor() if who in ("person", "operator", "operator_or_first") else None
    if who in ("public", "tiktok", "scraper"):
        return None
    if present is not None:
        kind: Kind = "operator" if who == "operator" else "person"
        actors.name(kind, present.ticket, present.session)
    if who == "person":
        return None if present else signed_out()
    if who in ("operator", "operator_or_first") and present is not None and present.operator:
        return None
    if who == "operator_or_first" and first_operator.awaited():
        return None
    # Whoever may not see an operator's page is not told that it is there.
    return abort(404)


def cut_off(pieces: Iterator[str]) -> Iterator[str]:
    """Yield the pieces of a file; break the connection where its reader loses the right to it.

    An end like any other would pass for the whole file.
    """
    try:
        yield from pieces
    except NoLongerAllowed:
        log.warning("file_cut_off", path=request.path)
        raise ConnectionResetError(errno.ECONNRESET, "no longer allowed") from None


def signed_out() -> Response:
    """Return the way to the front page, which says that what was pressed was not done."""
    if request.method not in _SAFE:
        flash(_(_SIGNED_OUT), "warn")
    return redirect(url_for("home.index"), 303)
