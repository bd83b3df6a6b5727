"""Where people are signed in, and signing out here, there or everywhere; `account` serves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webapp.language import gettext as _
from webapp.services.account import overview
from webapp.services.connect import sessions
from webapp.services.connect.sessions import Browser
from webapp.views.http.browsers import named
from webapp.views.http.guards import person
from webapp.views.http.house import house
from webapp.views.http.visitor import me, secret, sign_out


@dataclass(frozen=True, slots=True)
class Row:
    """One signed-in browser as its person sees it."""

    key: str
    name: str
    since: datetime
    seen_at: datetime
    this_one: bool


def rows(browsers: Sequence[Browser]) -> list[Row]:
    """Return the browsers with their names in words."""
    return [
        Row(each.key, named(each.browser, each.system), each.since, each.seen_at, each.this_one)
        for each in browsers
    ]


@person
def show() -> str:
    """List every browser in which this person is signed in."""
    browsers = overview.browsers(house(), me().ref, secret())
    return render_template("account/sessions.html", browsers=rows(browsers), most=sessions.MOST)


@person
def end(key: str) -> Response:
    """Sign one of the person's own browsers out; anything else is not there."""
    try:
        this_one = sessions.end_one(house(), me(), key, secret())
    except sessions.NoSuchSession:
        return abort(404)
    if this_one:
        return end_this()
    flash(_("That browser is signed out."), "ok")
    return redirect(url_for("account.sessions"), 303)


@person
def end_others() -> Response:
    """Sign out everywhere but here."""
    sessions.end_others(me(), secret(), house().clock())
    flash(_("All other browsers are signed out."), "ok")
    return redirect(url_for("account.sessions"), 303)


@person
def end_this() -> Response:
    """End this browser's session."""
    sign_out()
    return redirect(url_for("home.index"), 303)


@person
def end_everywhere() -> Response:
    """End every session of this person."""
    sign_out(everywhere=True)
    return redirect(url_for("home.index"), 303)
