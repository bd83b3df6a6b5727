"""A person's own pages: what they allowed, how it stands, taking it back; never another's."""

import json

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services import people
from webapp.services.account import overview
from webapp.services.account.export import export_data
from webapp.services.connect import scopes
from webapp.services.connect.disconnect import (
    CONNECTED_AGAIN,
    NotErased,
    Outcome,
    delete_person,
    disconnect_person,
)
from webapp.views.http.guards import at_most, person
from webapp.views.http.house import house
from webapp.views.http.visitor import me, secret
from webapp.views.http.visitor import sign_out as end_session
from webapp.views.people import activity as words
from webapp.views.people import signed_in
from webapp.views.people.refreshing import refreshed

blueprint = Blueprint("account", __name__)

#: Enough to try again, too few to keep TikTok busy.
PRESSES = "10 per minute"
#: No event has a longer id, and no database takes one.
_LONGEST_ID = 18

_CONFIRMED = N_("Disconnected. TikTok confirmed it.")
_NO_ANSWER = N_(
    "Disconnected here. TikTok did not answer; we keep trying for 24 hours. "
    "You can also remove us in the TikTok app."
)
_NOT_CONFIRMED = N_(
    "Disconnected here: the access we held is deleted. TikTok did not confirm its half. "
    "You can also remove us in the TikTok app."
)
_NOT_ERASED = N_(
    "You were signed out before your account was deleted. You are disconnected, but the account is "
    "still here. Sign in again to delete it."
)
_NOT_ERASED_CONNECTED = N_(
    "You were signed out before your account was deleted. The account is still here and connected. "
    "Sign in again to delete it."
)
_CONNECTED_AGAIN = N_("You connected again in the meantime, so you are still connected.")


@blueprint.get("/account")
@person
def show() -> str:
    """Show the connection in words."""
    mine, now = overview.overview_of(house(), me().ref, secret()), house().clock()
    user = mine.user
    reason, since = user.ended(now)
    return render_template(
        "account/show.html",
        person=user,
        health=user.health(now).value,
        granted=scopes.granted(user),
        missing=scopes.missing(user),
        again=scopes.granted_names(user),
        choices=bool(house().settings.tiktok_optional_scopes),
        reconnect_by=user.refresh_expires_at,
        warning=user.grant_warning(now),
        reason=reason,
        since=since,
        held=user.access_token is not None,
        last_use=mine.last_use,
        recent=words.lines(mine.recent, user.ticket),
        browsers=signed_in.rows(mine.browsers),
    )


@blueprint.get("/account/activity")
@person
def activity() -> str:
    """Show what happened, newest first, a page at a time."""
    before = request.args.get("before", "")
    older_than = int(before) if before.isdecimal() and len(before) <= _LONGEST_ID else None
    page = overview.activity(house(), me().ref, older_than)
    here = url_for("account.activity")
    links = {
        "first": here if page.further else "",
        "previous": "",
        "next": url_for("account.activity", before=page.older) if page.older else "",
    }
    return render_template(
        "account/activity.html",
        lines=words.lines(page.happenings, me().ticket),
        links=links,
        days=overview.shown_period(house()).days,
    )


@blueprint.post("/account/refresh")
@person
@at_most(PRESSES)
def refresh() -> Answer:
    """Refresh now, whenever the next time was to be, and tell what came of it."""
    flash(*refreshed(me()))
    return redirect(url_for("account.show"), 303)


@blueprint.get("/account/disconnect")
@person
def confirm_disconnect() -> str:
    """Ask before disconnecting."""
    return render_template("account/disconnect.html", person=people.get(me().ref))


@blueprint.post("/account/disconnect")
@person
def disconnect() -> Answer:
    """Revoke and forget, then tell which half worked."""
    _tell(disconnect_person(house(), me().ref))
    return redirect(url_for("account.show"), 303)


@blueprint.get("/account/delete")
@person
def confirm_delete() -> str:
    """Ask before erasing everything."""
    return _delete_page()


@blueprint.post("/account/delete")
@person
def delete() -> str | Answer | tuple[str, int]:
    """Erase everything, if the ticket number was typed."""
    typed = request.form.get("ticket", "").strip()[:40]
    if typed.casefold() != me().ticket.casefold():
        problem = _("Type the ticket number as it is shown above.")
        return _delete_page(problem, typed), 422
    try:
        outcome = delete_person(house(), me().ref)
    except NotErased as stopped:
        end_session()
        flash(_(_NOT_ERASED_CONNECTED if stopped.connected else _NOT_ERASED), "warn")
        return redirect(url_for("home.index"), 303)
    end_session()
    flash(_("Your account is deleted. Your name and your TikTok ID are gone from here."), "ok")
    if not outcome.confirmed:
        flash(_("TikTok did not confirm its half. You can remove us in the TikTok app."), "warn")
    return redirect(url_for("home.index"), 303)


@blueprint.get("/account/export")
@person
def export() -> Response:
    """Give people their own data as a file."""
    text = json.dumps(export_data(house(), me().ref), indent=2, ensure_ascii=False)
    response = Response(text + "\n", mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


blueprint.add_url_rule("/account/sessions", "sessions", signed_in.show)
blueprint.add_url_rule(
    "/account/sessions/<key>/sign-out", "sign_out_one", signed_in.end, methods=["POST"]
)
blueprint.add_url_rule("/sign-out", "sign_out", signed_in.end_this, methods=["POST"])
blueprint.add_url_rule(
    "/sign-out/others", "sign_out_others", signed_in.end_others, methods=["POST"]
)
blueprint.add_url_rule(
    "/sign-out/everywhere", "sign_out_everywhere", signed_in.end_everywhere, methods=["POST"]
)


def _delete_page(problem: str = "", typed: str = "") -> str:
    return render_template(
        "account/delete.html",
        person=people.get(me().ref),
        problem=problem,
        typed=typed,
        days=house().settings.audit_days,
    )


def _tell(outcome: Outcome) -> None:
    if outcome.code == CONNECTED_AGAIN:
        flash(_(_CONNECTED_AGAIN), "warn")
    elif outcome.confirmed:
        flash(_(_CONFIRMED), "ok")
    else:
        flash(_(_NOT_CONFIRMED if outcome.forgotten else _NO_ANSWER), "warn")
