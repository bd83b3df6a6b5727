"""Who may call a route: every view says so or the app does not start; deny comes first."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, abort, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.views.visitor import visitor

Access = Literal["public", "person", "operator", "service", "tiktok"]
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


public = access("public")
person = access("person")
operator = access("operator")
#: Checked by the signature, in the view: only that knows the raw body.
tiktok = access("tiktok")
#: These callers bring credentials of their own in a header, which no foreign page can send.
WITHOUT_FORMS = ("service", "tiktok")


def register(app: Flask) -> None:
    """Ask at the door of every request. A route that matched nothing stays a 404 or 405."""

    @app.before_request
    def _at_the_door() -> Response | None:
        if request.endpoint is None or request.routing_exception is not None:
            return None
        return _refuse(access_of(app, request.endpoint))


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
        raise UnguardedRoute(f"say who may call: {', '.join(silent)} (webapp/views/guards.py)")


def _refuse(who: Access | None) -> Response | None:
    present = visitor() if who in ("person", "operator") else None
    if who in ("public", "tiktok"):
        return None
    if who == "person":
        return None if present else redirect(url_for("home.index"), 303)
    if who == "operator" and present is not None and present.operator:
        return None
    # Whoever may not see an operator's page is not told that it is there.
    return abort(404)
