"""A person's own pages: what they allowed, how it stands, taking it back; never another's."""

import json

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from webapp.services import directory, scopes, takeout
from webapp.services import disconnect as ending
from webapp.services.refresh import NotConnected, Pending, ReconnectRequired, fresh
from webapp.services.vault import CannotOpen
from webapp.views.guards import at_most, person
from webapp.views.house import house
from webapp.views.times import exact
from webapp.views.visitor import sign_out as end_session
from webapp.views.visitor import visitor

account = Blueprint("account", __name__)

#: Enough to try again, too few to keep TikTok busy.
PRESSES = "10 per minute"

_CONFIRMED = "Disconnected. TikTok confirmed it."
_NO_ANSWER = (
    "Disconnected here. TikTok did not answer; we keep trying for 24 hours. "
    "You can also remove us in the TikTok app."
)
_NOT_CONFIRMED = (
    "Disconnected here: the access we held is deleted. TikTok did not confirm its half. "
    "You can also remove us in the TikTok app."
)
_OUR_FAULT = (
    "We could not refresh access: something is wrong on our side. You need not do anything."
)


@account.get("/account")
@person
def show() -> str:
    """Show the connection in words."""
    user, now = directory.owner(_me()), house().clock()
    reason, since = user.ended(now)
    return render_template(
        "account/show.html",
        person=user,
        health=user.health(now).value,
        granted=scopes.granted(user),
        missing=scopes.missing(user),
        again=scopes.again(user),
        choices=bool(house().settings.tiktok_optional_scopes),
        reconnect_by=user.refresh_expires_at,
        ending_soon=user.grant_ending(now),
        reason=reason,
        since=since,
        held=user.access_token is not None,
    )


@account.post("/account/refresh")
@person
@at_most(PRESSES)
def refresh() -> Answer:
    """Refresh now, whenever the next time was to be, and tell what came of it."""
    flash(*_refreshed(directory.owner(_me()).open_id))
    return redirect(url_for("account.show"), 303)


@account.get("/account/disconnect")
@person
def confirm_disconnect() -> str:
    """Ask before disconnecting."""
    return render_template("account/disconnect.html", person=directory.owner(_me()))


@account.post("/account/disconnect")
@person
def disconnect() -> Answer:
    """Revoke and forget, then tell which half worked."""
    _tell(ending.disconnect(house(), _me()))
    return redirect(url_for("account.show"), 303)


@account.get("/account/delete")
@person
def confirm_delete() -> str:
    """Ask before erasing everything."""
    user = directory.owner(_me())
    return render_template("account/delete.html", person=user, problem=None, typed="")


@account.post("/account/delete")
@person
def delete() -> str | Answer | tuple[str, int]:
    """Erase everything, if the ticket number was typed."""
    user = directory.owner(_me())
    typed = request.form.get("ticket", "").strip()[:40]
    if typed.casefold() != user.ticket.casefold():
        facts = {"problem": "Type the ticket number as it is shown above.", "typed": typed}
        return render_template("account/delete.html", person=user, **facts), 422
    outcome = ending.delete(house(), user.id)
    end_session()
    flash("Your account is deleted. We keep nothing about you.", "ok")
    if not outcome.confirmed:
        flash("TikTok did not confirm its half. You can remove us in the TikTok app.", "warn")
    return redirect(url_for("home.index"), 303)


@account.get("/account/export")
@person
def export() -> Response:
    """Give people their own data as a file."""
    text = json.dumps(takeout.export(house(), _me()), indent=2, ensure_ascii=False)
    response = Response(text + "\n", mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@account.post("/sign-out")
@person
def sign_out() -> Answer:
    """End this browser's session."""
    end_session()
    return redirect(url_for("home.index"), 303)


@account.post("/sign-out/everywhere")
@person
def sign_out_everywhere() -> Answer:
    """End every session of this person."""
    end_session(everywhere=True)
    return redirect(url_for("home.index"), 303)


def _me() -> int:
    present = visitor()
    if present is None:  # the guard let only people in
        raise PermissionError("no person behind this request")
    return present.user_id


def _tell(outcome: ending.Outcome) -> None:
    if outcome.confirmed:
        flash(_CONFIRMED, "ok")
    else:
        flash(_NOT_CONFIRMED if outcome.forgotten else _NO_ANSWER, "warn")


def _refreshed(open_id: str) -> tuple[str, str]:
    """Refresh, and return what to say about it and in which tone."""
    try:
        access = fresh(house(), open_id, pressed=True)
    except (NotConnected, ReconnectRequired):
        return "There is nothing to refresh. Please connect again first.", "warn"
    except CannotOpen:
        return _OUR_FAULT, "warn"
    except Pending as pending:
        return _not_refreshed(pending.cause), "warn"
    return f"Access is refreshed. It works until {exact(access.expires_at)}.", "ok"


def _not_refreshed(cause: str) -> str:
    """Return who could not, until when access works all the same, and what happens next."""
    if cause == "cannot_open":
        return _OUR_FAULT
    # "refreshing": nobody asked TikTok just now, so it is not to blame.
    who = "We could not" if cause == "refreshing" else "TikTok did not"
    ends = directory.owner(_me()).access_expires_at
    works = ends is not None and ends > house().clock()
    until = f"It still works until {exact(ends)}." if ends and works else "It has run out for now."
    return f"{who} refresh access just now. {until} You need not do anything: we keep trying."
