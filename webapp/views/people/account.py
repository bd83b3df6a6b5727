"""A person's own pages: their connection, renewing, disconnecting, devices, export, deletion."""

import json

from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services import people
from webapp.services.account import overview
from webapp.services.account.export import export_data
from webapp.services.connect import scopes, sessions
from webapp.services.connect.disconnect import (
    CONNECTED_AGAIN,
    NotErased,
    Outcome,
    delete_person,
    disconnect_person,
)
from webapp.services.connect.sessions import Visitor
from webapp.services.people import PersonGone
from webapp.services.refresh.on_demand import NotConnected, Pending, ReconnectRequired, fresh_access
from webapp.services.vault import CannotOpen
from webapp.views.http.guards import at_most, person
from webapp.views.http.runtime import runtime
from webapp.views.http.session import me, say_goodbye, secret, sign_out
from webapp.views.http.template_filters import exact
from webapp.views.people import activity_texts

blueprint = Blueprint("account", __name__)

#: Enough for retries, too few to load TikTok.
PRESSES = "10 per minute"
#: The account page shows this many lines of activity.
_RECENT = 5
#: Digits; no event has a longer ID, and no database accepts one.
_MAX_ID_LENGTH = 18

_CONFIRMED = N_("Disconnected. TikTok confirmed it.")
_NO_ANSWER = N_(
    "Disconnected here. TikTok didn't respond; we'll keep trying for 24 hours. You "
    "can also remove our access in the TikTok app."
)
_NOT_CONFIRMED = N_(
    "Disconnected here: our access key is deleted. TikTok didn't confirm the "
    "disconnection. You can also remove our access in the TikTok app."
)
_NOT_ERASED = N_(
    "You were signed out before your account was deleted. You're disconnected, but "
    "the account still exists. Sign in again to delete it."
)
_NOT_ERASED_CONNECTED = N_(
    "You were signed out before your account was deleted. The account still exists "
    "and is connected. Sign in again to delete it."
)
_CONNECTED_AGAIN = N_("You reconnected in the meantime, so you're still connected.")

_NOT_SIGNED_OUT = N_(
    "You're signed out in this browser, but our database couldn't save that. The next time "
    "you sign in, choose “Sign out everywhere”."
)
_NOT_SIGNED_OUT_EVERYWHERE = N_(
    "You're signed out in this browser only: our database couldn't save the rest. Sign in "
    "again later and choose “Sign out everywhere”."
)

_OUR_FAULT = N_(
    "We couldn't renew access: something is wrong on our side. You don't need to do anything."
)
_NOT_NOW = N_(
    "TikTok didn't renew access just now. It still works until %(when)s. You don't "
    "need to do anything: we'll keep trying."
)
_NOT_NOW_OURS = N_(
    "We couldn't renew access just now. It still works until %(when)s. You don't "
    "need to do anything: we'll keep trying."
)
_NOT_NOW_OVER = N_(
    "TikTok didn't renew access just now. It has temporarily expired. You don't need "
    "to do anything: we'll keep trying."
)
_NOT_NOW_OVER_OURS = N_(
    "We couldn't renew access just now. It has temporarily expired. You don't need to "
    "do anything: we'll keep trying."
)


@blueprint.get("/account")
@person
def show() -> str:
    """Show the person's connection."""
    mine, now = overview.overview_of(runtime(), me().ref, secret()), runtime().clock()
    user = mine.user
    reason, since = user.ended(now)
    return render_template(
        "account/show.html",
        person=user,
        health=user.health(now).value,
        granted=scopes.granted(user),
        missing=scopes.missing(user),
        again=scopes.granted_names(user),
        choices=bool(runtime().settings.tiktok_optional_scopes),
        reconnect_by=user.refresh_expires_at,
        warning=user.grant_warning(now),
        reason=reason,
        since=since,
        held=user.access_token is not None,
        uses=mine.uses,
        recent=activity_texts.lines(mine.recent, user.ticket)[:_RECENT],
        browsers=mine.browsers,
    )


@blueprint.get("/account/activity")
@person
def activity() -> str:
    """Show the person's activity, newest first, a page at a time."""
    before = request.args.get("before", "")
    older_than = int(before) if before.isdecimal() and len(before) <= _MAX_ID_LENGTH else None
    page = overview.activity(runtime(), me().ref, older_than)
    here = url_for("account.activity")
    links = {
        "first": here if page.further else "",
        "previous": "",
        "next": url_for("account.activity", before=page.older) if page.older else "",
    }
    return render_template(
        "account/activity.html",
        lines=activity_texts.lines(page.events, me().ticket),
        links=links,
        days=overview.shown_period(runtime()).days,
    )


@blueprint.post("/account/refresh")
@person
@at_most(PRESSES)
def refresh() -> Response:
    """Renew access now, regardless of the schedule, and show the result."""
    flash(*refresh_message(me()))
    return redirect(url_for("account.show"), 303)


@blueprint.get("/account/disconnect")
@person
def confirm_disconnect() -> str:
    """Confirm disconnecting."""
    return render_template("account/disconnect.html", person=people.get(me().ref))


@blueprint.post("/account/disconnect")
@person
def disconnect() -> Response:
    """Disconnect, and show whether TikTok confirmed it."""
    _flash_outcome(disconnect_person(runtime(), me().ref))
    return redirect(url_for("account.show"), 303)


@blueprint.get("/account/delete")
@person
def confirm_delete() -> str:
    """Confirm deleting the account."""
    return _delete_page()


@blueprint.post("/account/delete")
@person
def delete() -> str | Response | tuple[str, int]:
    """Delete the account if the ticket number was typed."""
    typed = request.form.get("ticket", "").strip()[:40]
    if typed.casefold() != me().ticket.casefold():
        problem = _("Type the ticket number as shown above.")
        return _delete_page(problem, typed), 422
    try:
        outcome = delete_person(runtime(), me().ref)
    except NotErased as stopped:
        sign_out()
        flash(_(_NOT_ERASED_CONNECTED if stopped.connected else _NOT_ERASED), "warn")
        return redirect(url_for("home.index"), 303)
    sign_out()
    say_goodbye()
    flash(_("Your account is deleted. Your name and TikTok ID are no longer stored here."), "ok")
    if not outcome.confirmed:
        flash(
            _(
                "TikTok didn't confirm the disconnection. You can remove our access in the "
                "TikTok app."
            ),
            "warn",
        )
    return redirect(url_for("home.index"), 303)


@blueprint.get("/account/export")
@person
@at_most(PRESSES)
def export() -> Response:
    """Return the person's own data as a file."""
    text = json.dumps(export_data(runtime(), me().ref), indent=2, ensure_ascii=False)
    response = make_response(text + "\n")
    response.mimetype = "application/json"
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@blueprint.get("/account/sessions", endpoint="sessions")
@person
def devices() -> str:
    """List the devices on which this person is signed in."""
    browsers = overview.browsers(runtime(), me().ref, secret())
    return render_template("account/sessions.html", browsers=browsers, most=sessions.MAX_LISTED)


@blueprint.post("/account/sessions/<key>/sign-out", endpoint="sign_out_one")
@person
def end_session(key: str) -> Response:
    """Sign out one of the person's own devices; 404 for any other."""
    try:
        this_one = sessions.end_one(runtime(), me(), key, secret())
    except sessions.NoSuchSession:
        return abort(404)
    if this_one:
        return end_this_session()
    flash(_("That device is signed out."), "ok")
    return redirect(url_for("account.sessions"), 303)


@blueprint.post("/sign-out/others", endpoint="sign_out_others")
@person
def end_other_sessions() -> Response:
    """Sign out all other devices."""
    sessions.end_others(me(), secret(), runtime().clock())
    flash(_("All other devices are signed out."), "ok")
    return redirect(url_for("account.sessions"), 303)


@blueprint.post("/sign-out", endpoint="sign_out")
@person
def end_this_session() -> Response:
    """Sign out this device."""
    if sign_out():
        flash(_("You're signed out."), "ok")
    else:
        flash(_(_NOT_SIGNED_OUT), "warn")
    return redirect(url_for("home.index"), 303)


@blueprint.post("/sign-out/everywhere", endpoint="sign_out_everywhere")
@person
def end_all_sessions() -> Response:
    """Sign out all devices."""
    if sign_out(everywhere=True):
        flash(_("You're signed out on all devices."), "ok")
    else:
        flash(_(_NOT_SIGNED_OUT_EVERYWHERE), "warn")
    return redirect(url_for("home.index"), 303)


def _delete_page(problem: str = "", typed: str = "") -> str:
    return render_template(
        "account/delete.html",
        person=people.get(me().ref),
        problem=problem,
        typed=typed,
        days=runtime().settings.audit_days,
    )


def _flash_outcome(outcome: Outcome) -> None:
    if outcome.code == CONNECTED_AGAIN:
        flash(_(_CONNECTED_AGAIN), "warn")
    elif outcome.confirmed:
        flash(_(_CONFIRMED), "ok")
    else:
        flash(_(_NOT_CONFIRMED if outcome.forgotten else _NO_ANSWER), "warn")


def refresh_message(visitor: Visitor) -> tuple[str, str]:
    """Renew access, and return the message about the result and its kind.

    Raises PersonGone if the account was deleted, NoLongerAllowed if the session has ended.
    """
    try:
        access = fresh_access(runtime(), visitor.open_id, person=visitor.ref, pressed=True)
    except NotConnected:
        raise PersonGone from None
    except ReconnectRequired:
        return _("There's nothing to renew. Please reconnect first."), "warn"
    except CannotOpen:
        return _(_OUR_FAULT), "warn"
    except Pending as pending:
        return _not_refreshed_text(visitor, pending.cause), "warn"
    return _("Access was renewed. It works until %(when)s.", when=exact(access.expires_at)), "ok"


def _not_refreshed_text(visitor: Visitor, cause: str) -> str:
    """Return why access wasn't renewed, until when it works, and what happens next."""
    if cause == "cannot_open":
        return _(_OUR_FAULT)
    ends = people.get(visitor.ref).access_expires_at
    # "refreshing" means TikTok wasn't asked just now, so it is not to blame.
    ours = cause == "refreshing"
    if ends is not None and ends > runtime().clock():
        return _(_NOT_NOW_OURS if ours else _NOT_NOW, when=exact(ends))
    return _(_NOT_NOW_OVER_OURS if ours else _NOT_NOW_OVER)
