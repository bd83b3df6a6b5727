"""What is wrong, for the top of every operator's page; looked up now and then, never breaks one."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask, current_app, request

from webapp.services.maintenance import troubles
from webapp.services.maintenance.database_checks import Fault
from webapp.views.http.guards import access_of
from webapp.views.http.house import house
from webapp.views.http.visitor import visitor

KEY = "coatcheck.banner"
#: How long a look holds, in each process.
HOLDS = timedelta(seconds=10)


@dataclass
class _Look:
    """What the last look found."""

    at: datetime | None = None
    found: list[Fault] = field(default_factory=list)
    alone: threading.Lock = field(default_factory=threading.Lock)


def register(app: Flask) -> None:
    """Give the layout `troubles()`: what is wrong on an operator's page, nothing on any other."""
    app.extensions[KEY] = _Look()
    app.jinja_env.globals["troubles"] = page_troubles


def page_troubles() -> list[Fault]:
    """Return what is wrong if an operator looks at one of their pages."""
    # An address that matches no route has no endpoint; its "not found" is a page all the same.
    who = access_of(current_app, request.endpoint) if request.endpoint else None
    present = visitor()
    if who is None or not who.startswith("operator") or present is None or not present.operator:
        return []
    return _looked()


def keep(found: list[Fault]) -> None:
    """Let this be what is wrong: somebody has just looked."""
    look: _Look = current_app.extensions[KEY]
    look.at, look.found = house().clock(), found


def _looked() -> list[Fault]:
    look: _Look = current_app.extensions[KEY]
    ours = house()
    is_old = look.at is None or ours.clock() - look.at >= HOLDS
    # One looks; whoever comes meanwhile is shown the last.
    if is_old and look.alone.acquire(blocking=False):
        try:
            keep(troubles.troubles(ours))
        finally:
            look.alone.release()
    return look.found
