"""Step 3: what was connected, what was left off, and the way back; connects nobody."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.language import gettext as _
from webapp.services import people
from webapp.services.connect import scopes
from webapp.services.connect.connect import Connected
from webapp.views.http import way_back
from webapp.views.http.attempts import Attempt
from webapp.views.http.cause_page import page
from webapp.views.http.guards import person
from webapp.views.http.house import house
from webapp.views.http.present import is_connected
from webapp.views.http.visitor import sign_in, visitor

#: again: it had ended and works again · added: something more is allowed · other: another account
#: than the one that was signed in · returned: nothing is new. Without one: here for the first time.
KINDS = ("again", "added", "other", "returned")


@person
def show() -> str | Response:
    """Tell what was connected; to whoever is not connected any more, where it stands."""
    present = visitor()
    user = people.find(present.ref) if present else None
    if user is None:
        return redirect(url_for("home.index"), 303)
    back = way_back.asked()
    if not is_connected(user.health(house().clock()).value):
        # A bookmark outlives the connection that it was made for; a service wants it to be made.
        target = url_for("account.show")
        return redirect(back.after(url_for("connect.choose")) if back else target, 303)
    granted = scopes.granted(user)
    added = [scope for scope in granted if scope.id in request.args.getlist("added")]
    kind = request.args.get("kind", "")
    return render_template(
        "connect/connected.html",
        person=user,
        granted=granted,
        missing=scopes.missing(user),
        kind=kind if kind in KINDS and (added or kind != "added") else "new",
        added=added,
        back=back,
    )


def welcome(done: Connected, attempt: Attempt) -> Response:
    """Sign in whoever connected and lead them to what there is to tell them (interface.md).

    Who returns and has nothing new to read goes to their account; if a service sent them, to the
    page with the way back, which the account does not have.
    """
    back = way_back.judge(attempt.back)
    if not sign_in(done.secret):
        if people.find(done.person) is None:
            return page("account_deleted", back=back)
        flash(_("You were signed out in another browser meanwhile. Sign in again."), "warn")
        return redirect(url_for("home.index"), 303)
    kind = _kind(done, attempt)
    if kind == "returned" and back is None:
        return redirect(url_for("account.show"), 303)
    target = url_for("connect.connected", kind=kind, added=done.added or None)
    return redirect(back.after(target) if back else target, 303)


def _kind(done: Connected, attempt: Attempt) -> str | None:
    if done.kind == "returned":
        return "added" if done.added else "returned"
    if attempt.another and attempt.viewer not in (None, done.open_id):
        return "other"
    return "again" if done.kind == "again" else None
