"""The front page and the small public pages; asks nobody who they are."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webapp.services.connect import scopes
from webapp.views.http import return_link, sign_in_attempts
from webapp.views.http.guards import public
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def index() -> str | Response:
    """Say what this is and what will be asked; whoever is signed in goes to their account.

    If a service sent them, to the page with the way back (interface.md knows no `next`).
    """
    back = return_link.requested()
    if visitor():
        there = url_for("connect.connected", kind="returned")
        return redirect(back.after(there) if back else url_for("account.show"), 303)
    offer = scopes.offer(runtime().settings)
    return render_template(
        "home/index.html",
        required=offer.required,
        optional=offer.optional,
        back=back,
        unfinished=sign_in_attempts.unfinished(runtime().clock()),
    )


@blueprint.get("/privacy")
@public
def privacy() -> str:
    """Say what is kept, why and for how long."""
    offer = scopes.offer(runtime().settings)
    return render_template(
        "pages/privacy.html",
        required=offer.required,
        optional=offer.optional,
        audit_days=runtime().settings.audit_days,
    )


@blueprint.get("/terms")
@public
def terms() -> str:
    """Say what people may expect."""
    return render_template("pages/terms.html")


@blueprint.get("/cookies")
@public
def cookies() -> str:
    """Name every cookie."""
    settings = runtime().settings
    return render_template("pages/cookies.html", days=settings.session_days)
