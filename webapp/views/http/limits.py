"""Hands the views' marks of haste to a limiter of the app's own; chooses no limit itself."""

from collections.abc import Callable
from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address


def register(app: Flask) -> None:
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
