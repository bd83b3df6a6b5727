"""The home page and the small public pages."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webapp.services.connect import scopes
from webapp.views.http.guards import public
from webapp.views.http.runtime import runtime
from webapp.views.http.session import goodbye, visitor
from webapp.views.http.signing_in import return_link, sign_in_attempts

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def index() -> str | Response:
    """Show what this site is and asks for; redirect signed-in people to their account.

    If a service sent them, redirect to the page that shows the return link. Someone who has just
    deleted their account sees that it is deleted instead.
    """
    back = return_link.requested()
    has_left = goodbye()
    if visitor():
        connected = url_for("connect.connected", kind="returned")
        return redirect(back.after(connected) if back else url_for("account.show"), 303)
    if has_left:
        return render_template("account/goodbye.html")
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
    """Show what is stored, why and for how long."""
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
    """Show the terms of use."""
    return render_template("pages/terms.html")


@blueprint.get("/cookies")
@public
def cookies() -> str:
    """Show every cookie."""
    settings = runtime().settings
    return render_template("pages/cookies.html", days=settings.session_days)
