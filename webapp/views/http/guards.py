"""Who may call a route, how often, and who acts in a request.

Every view is marked with who may call it; the app does not start otherwise. The guard runs before
the view and refuses by default.
"""

import errno
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import structlog
from flask import Flask, abort, current_app, flash, g, redirect, request, url_for
from flask_wtf import CSRFProtect
from limits import RateLimitItem, parse
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from webapp.actor import Actor, Kind, act_as, act_as_nobody
from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.authority import NoLongerAllowed
from webapp.services.handout import handout
from webapp.services.operators import roles
from webapp.services.refresh.on_demand import Pending
from webapp.views.http import limits
from webapp.views.http.api_contract import problem
from webapp.views.http.browser_cookies import SAFE
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor

log = structlog.get_logger(__name__)

Access = Literal[
    "public", "person", "operator", "operator_or_first", "service", "tiktok", "scraper"
]
View = TypeVar("View", bound=Callable[..., Any])

#: Where the server's access log finds the public part of a service key.
KEY_ID = "coatcheck.key_id"
#: Without operators the check reads every row, so it isn't done on each request.
CHECK_EVERY = timedelta(seconds=10)
_FIRST_OPERATOR = "coatcheck.first_operator"
_SIGNED_OUT = N_("You're no longer signed in, so nothing was done. Sign in and try again.")
_OPERATORS = "/operators/"


class UnguardedRoute(RuntimeError):
    """A route does not say who may call it."""


def _mark(name: str, value: object) -> Callable[[View], View]:
    """Return a decorator that marks a view with a value, as an attribute of the function."""

    def mark(view: View) -> View:
        setattr(view, name, value)
        return view

    return mark


def access(who: Access) -> Callable[[View], View]:
    """Mark a view with who may call it."""
    return _mark("access", who)


public = access("public")
person = access("person")
operator = access("operator")
#: Operators; and, while there are none, anyone, to whom the view shows no values.
operator_or_first = access("operator_or_first")
service = access("service")
#: The view checks the signature, because it needs the raw body.
tiktok = access("tiktok")
#: The view checks METRICS_TOKEN.
scraper = access("scraper")


def at_most(limit: str) -> Callable[[View], View]:
    """Mark a view with how often one address may call it, in Flask-Limiter's notation."""
    return _mark("limit", limit)


def at_most_a_key(limit: str) -> Callable[[View], View]:
    """Mark a service's view with how often one key may call it, in Flask-Limiter's notation."""
    return _mark("key_limit", parse(limit))


def register_actors(app: Flask) -> None:
    """Start every request as an unknown person and end it as nobody.

    A thread serves many people in turn, so this also covers requests that match no route.
    """

    @app.before_request
    def _begin() -> None:
        act_as(_actor("person"))

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        act_as_nobody()


def register(app: Flask) -> None:
    """Check every request before its view. A route that matched nothing stays a 404 or 405."""
    app.extensions[_FIRST_OPERATOR] = FirstOperator()

    @app.before_request
    def _guard() -> Response | None:
        endpoint = request.endpoint
        if endpoint is None or request.routing_exception is not None:
            _hide_from_strangers()
            return None
        who = access_of(app, endpoint)
        if who == "tiktok":
            act_as(_actor("tiktok"))
        if who == "service":
            return _refuse_service(getattr(app.view_functions[endpoint], "key_limit", None))
        return _refuse(who) or _refuse_foreign(who)


def register_limits(app: Flask) -> None:
    """Limit every view of `app` that is marked with `at_most`."""
    marked = {
        name: view.limit for name, view in app.view_functions.items() if hasattr(view, "limit")
    }
    limits.register(app, marked)


def access_of(app: Flask, endpoint: str) -> Access | None:
    """Return who may call this endpoint; None if its view does not say."""
    if endpoint == "static":
        return "public"
    return getattr(app.view_functions[endpoint], "access", None)


def require_access_everywhere(app: Flask) -> None:
    """Raise UnguardedRoute, naming all of them, if any route does not say who may call it."""
    unguarded = sorted(
        rule.endpoint for rule in app.url_map.iter_rules() if not access_of(app, rule.endpoint)
    )
    if unguarded:
        raise UnguardedRoute(
            f"say who may call: {', '.join(unguarded)} (webapp/views/http/guards.py)"
        )


def exempt_from_csrf(app: Flask, csrf: CSRFProtect) -> None:
    """Require no CSRF token from callers that don't use cookies: a browser can't act as them."""
    for endpoint, view in app.view_functions.items():
        if access_of(app, endpoint) in ("service", "tiktok"):
            csrf.exempt(view)


def set_actor(kind: Kind, name: str, credential: str) -> None:
    """Record the rest of this request under the caller who was just recognized.

    `credential` is what their right depends on (see `webapp.actor.Actor`).
    """
    act_as(_actor(kind, name, credential))


def signed_out() -> Response:
    """Redirect to the home page; after a form, say that its action wasn't done."""
    if request.method not in SAFE:
        flash(_(_SIGNED_OUT), "warn")
    return redirect(url_for("home.index"), 303)


def cut_off(pieces: Iterator[str]) -> Iterator[str]:
    """Yield the pieces of a file; break the connection if its reader loses access.

    A normal end would make the part look like the whole file.
    """
    try:
        yield from pieces
    except NoLongerAllowed:
        log.warning("file_cut_off", path=request.path)
        raise ConnectionResetError(errno.ECONNRESET, "no longer allowed") from None


class FirstOperator:
    """Remembers whether there is an operator; two threads may check at the same time.

    Once this process has seen an operator, the answer stays no until it restarts: removing the last
    operator does not open the setup page again.
    """

    def __init__(self) -> None:
        self._there = False
        self._checked_at: datetime | None = None

    def awaited(self) -> bool:
        """Return True if there was no operator at the last check, at most CHECK_EVERY ago."""
        if self._there:
            return False
        now = runtime().clock()
        if self._checked_at is None or now - self._checked_at >= CHECK_EVERY:
            self._there = roles.has_operators(runtime())
            self._checked_at = now
        return not self._there


def _actor(kind: Kind, name: str = "", credential: str = "") -> Actor:
    reference = str(g.get("request_id", ""))
    return Actor(kind, name, request.remote_addr or "", reference, credential)


def _refuse(who: Access | None) -> Response | None:
    """Return the refusal of this request; None if it may pass. Operators' pages abort with 404."""
    present = visitor() if who in ("person", "operator", "operator_or_first") else None
    if who in ("public", "tiktok", "scraper"):
        return None
    if present is not None:
        kind: Kind = "operator" if who == "operator" else "person"
        set_actor(kind, present.ticket, present.session)
    if who == "person":
        return None if present else signed_out()
    if who in ("operator", "operator_or_first") and present is not None and present.operator:
        return None
    if who == "operator_or_first" and current_app.extensions[_FIRST_OPERATOR].awaited():
        return None
    # Not a 403: others aren't told that an operators' page exists.
    return abort(404)


def _refuse_foreign(who: Access | None) -> Response | None:
    """Refuse what another site's page makes a browser send, even with a valid CSRF token.

    Callers without cookies are exempt: their requests carry a key or a signature of their own.
    """
    if request.method in SAFE or who in ("service", "tiktok", "scraper"):
        return None
    return abort(403, "cross_site") if _is_from_another_site() else None


def _is_from_another_site() -> bool:
    """Return True if the browser says that a page of another origin sent this request.

    Another origin of the same site is no exception: what runs on a sibling subdomain or another
    port isn't ours. `Origin: null` says nothing: browsers send it with our own forms from a page
    with `Referrer-Policy: no-referrer`, such as a failed callback. Browsers that send neither
    header, and people's scripts, still need the CSRF token.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin", "null").lower()
    public = runtime().settings.public_origin.lower()
    # The host was compared with TRUSTED_HOSTS; behind a proxy, it may lack the port.
    ours = (public, f"{urlsplit(public).scheme}://{request.host.lower()}", "null")
    return origin not in ours


def _hide_from_strangers() -> None:
    """Answer 404 for a wrong method and for doubled slashes, too, unless to an operator."""
    # The redirect from //keys to /keys would tell, too.
    tells = isinstance(request.routing_exception, MethodNotAllowed | RequestRedirect)
    if tells and f"{request.path}/".startswith(_OPERATORS):
        present = visitor()
        if present is None or not present.operator:
            abort(404)


def bearer() -> str:
    """Return the key from this request's Authorization header; empty if there is none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _refuse_service(limit: RateLimitItem | None) -> Response | None:
    """Accept a service by its key alone; `g.arrival` then holds the row it asks for."""
    args = request.view_args or {}
    try:
        arrival = handout.check_call(runtime(), bearer(), args.get("open_id", ""))
    except handout.BadKey:
        seconds = limits.wait_after_failure("key")
        return problem("bad_key") if seconds is None else _too_many_wrong_keys(seconds)
    except Pending as error:
        wait = error.retry_after.total_seconds()
        return problem("refresh_pending", retry_after=wait, cause=error.cause)
    g.arrival = arrival
    set_actor("service", arrival.key_name, arrival.key_id)
    request.environ[KEY_ID] = arrival.key_id
    return _refuse_over_limit(limit, arrival.key_id)


def _too_many_wrong_keys(seconds: int) -> Response:
    detail = "Your address sent too many requests without a valid key."
    return problem("rate_limited", detail=detail, retry_after=seconds)


def _refuse_over_limit(limit: RateLimitItem | None, key_id: str) -> Response | None:
    seconds = None if limit is None else limits.wait(limit, key_id)
    return None if seconds is None else problem("rate_limited", retry_after=seconds)
