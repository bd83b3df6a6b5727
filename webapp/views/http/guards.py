"""Says at the door of a request who acts in it, so that what is done is written down under that.

Every request begins anew, also one that nothing matches: a thread serves many people in turn.


Whether the first operator is still awaited: until then the setup page is open, without a value.

Once this process has seen an operator, the answer stays no: who takes the last one away does not
open the page again before the next start.


Who may call a route: every view says so or the app does not start; deny comes first.

Hands the views' marks of haste to a limiter of the app's own; chooses no limit itself.
"""

import errno
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from time import time
from typing import Any, Literal, TypeVar

import structlog
from flask import Flask, abort, current_app, flash, g, redirect, request, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from limits import RateLimitItem, parse
from werkzeug.wrappers import Response

from webapp.actor import Actor, Kind, act_as, act_as_nobody
from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.authority import NoLongerAllowed
from webapp.services.handout import handout
from webapp.services.operators import roles
from webapp.services.refresh.on_demand import Pending
from webapp.views.http import api_request
from webapp.views.http.api_contract import problem
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor


def register_actors(app: Flask) -> None:
    """Begin every request as somebody unknown, and let nobody act after it."""

    @app.before_request
    def _begin() -> None:
        act_as(_actor("person"))

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        act_as_nobody()


def begin_actor(who: str | None) -> None:
    """Let TikTok act on its own route; who else it is turns out further on."""
    if who == "tiktok":
        act_as(_actor("tiktok"))


def set_actor(kind: Kind, name: str, credential: str) -> None:
    """Let the rest of this request be done by whoever was just recognised.

    `credential`: what their right rests on (see `acting.Actor`).
    """
    act_as(_actor(kind, name, credential))


def _actor(kind: Kind, name: str = "", credential: str = "") -> Actor:
    reference = str(g.get("request_id", ""))
    return Actor(kind, name, request.remote_addr or "", reference, credential)


_KEY = "coatcheck.first_operator"
#: Without an operator the look reads every row, so it is not taken for each request.
CHECK_EVERY = timedelta(seconds=10)


class FirstOperator:
    """Remembers the last look; two threads at once may both look."""

    def __init__(self) -> None:
        self._there = False
        self._looked: datetime | None = None

    def awaited(self) -> bool:
        """Tell whether there was no operator at the last look, ten seconds ago at most."""
        if self._there:
            return False
        now = runtime().clock()
        if self._looked is None or now - self._looked >= CHECK_EVERY:
            self._there = roles.has_operators(runtime())
            self._looked = now
        return not self._there


def _register_first_operator(app: Flask) -> None:
    """Give the app its memory."""
    app.extensions[_KEY] = FirstOperator()


def is_first_operator_awaited() -> bool:
    """Tell whether nobody is an operator yet."""
    memory: FirstOperator = current_app.extensions[_KEY]
    return memory.awaited()


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


_SIGNED_OUT = N_("You're no longer signed in, so nothing was done. Sign in and try again.")
_SAFE = ("GET", "HEAD", "OPTIONS")


def register(app: Flask) -> None:
    """Ask at the door of every request. A route that matched nothing stays a 404 or 405."""
    _register_first_operator(app)

    @app.before_request
    def _at_the_door() -> Response | None:
        endpoint = request.endpoint
        if endpoint is None or request.routing_exception is not None:
            return None
        who = access_of(app, endpoint)
        begin_actor(who)
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
        arrival = handout.check_call(runtime(), api_request.bearer(), asked.get("open_id", ""))
    except handout.BadKey:
        return problem("bad_key")
    except Pending as error:
        wait = error.retry_after.total_seconds()
        return problem("refresh_pending", retry_after=wait, cause=error.cause)
    g.arrival = arrival
    set_actor("service", arrival.key_name, arrival.key_id)
    # For the line that the server writes of every request.
    request.environ[KEY_ID] = arrival.key_id
    return _refuse_over_limit(limit, arrival.key_id)


def _refuse_over_limit(limit: RateLimitItem | None, key_id: str) -> Response | None:
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
        set_actor(kind, present.ticket, present.session)
    if who == "person":
        return None if present else signed_out()
    if who in ("operator", "operator_or_first") and present is not None and present.operator:
        return None
    if who == "operator_or_first" and is_first_operator_awaited():
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


def register_limits(app: Flask) -> None:
    """Limit every view of `app` that is marked with `guards.at_most`."""
    views: dict[str, Callable[..., Any]] = dict(app.view_functions)
    limits = {name: view.limit for name, view in views.items() if hasattr(view, "limit")}

    def limited() -> str:
        # The empty name makes the limiter look no further; services are counted at their door.
        return request.endpoint if request.endpoint in limits else ""

    limiter = Limiter(get_remote_address, app=app, request_identifier=limited)
    # Flask-Limiter itself holds it weakly only.
    app.extensions["coatcheck.limiter"] = limiter
    for endpoint, limit in limits.items():
        app.view_functions[endpoint] = limiter.limit(limit)(views[endpoint])
