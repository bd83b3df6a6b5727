"""The page of service keys. A new key is shown once; only its hash is stored."""

from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.authority import SignInTooOld
from webapp.services.handout import service_keys
from webapp.services.handout.service_keys import MAX_NAME_LENGTH, BadName, KeyRow, NameTaken
from webapp.views.http.guards import at_most, operator
from webapp.views.http.request_checks import is_deliberate
from webapp.views.http.runtime import runtime
from webapp.views.http.signing_in import step_up
from webapp.views.http.template_filters import quoted

blueprint = Blueprint("keys", __name__, url_prefix="/operators/keys")

BAD_NAME = N_("Give the key a name of 1 to %(longest)s printable characters.")
_TAKEN = N_("A key with this name already exists, and names are never reused. Choose another name.")


@blueprint.get("")
@operator
def index() -> str:
    """List the keys, newest first, and the form for a new one."""
    # Typed before a sign-in that the form required.
    return _page(typed=request.args.get("name", "").strip()[:MAX_NAME_LENGTH])


@blueprint.post("")
@operator
@at_most("30 per minute")
def issue() -> tuple[str, int] | Response:
    """Issue a key and redirect to the page that shows it once."""
    name = request.form.get("name", "").strip()
    try:
        public_id = service_keys.issue_unshown(name, runtime().clock())
    except BadName:
        return _page(
            problem=_(BAD_NAME, longest=MAX_NAME_LENGTH), typed=name[:MAX_NAME_LENGTH]
        ), 422
    except NameTaken:
        # Of two presses, the second leads to what the first one made.
        public_id = service_keys.waiting(name, runtime().clock()) or ""
        if not public_id:
            return _page(problem=_(_TAKEN), typed=name), 422
    except SignInTooOld:
        return step_up.sign_in_again("keys", urlencode({"name": name}))
    return redirect(url_for("keys.issued", public_id=public_id), 303)


@blueprint.get("/<public_id>/issued")
@operator
def issued(public_id: str) -> str:
    """Show a new key to the session that issued it, once; then say that it was issued.

    A link checker, a prefetch or a link on another site doesn't use up that one time.
    """
    now = runtime().clock()
    row = _key(public_id)
    waits = service_keys.may_show(public_id, now)
    key = service_keys.show(public_id, now) if waits and is_deliberate() else None
    return render_template(
        "operators/key_issued.html",
        key=key,
        # Read before: nothing may fail between the commit and the response.
        row=replace(row, shown=True) if key else _key(public_id),
        waits=waits and not is_deliberate(),
        minutes=service_keys.SHOWN_WITHIN.seconds // 60,
    )


@blueprint.get("/<public_id>/revoke")
@operator
def confirm_revoke(public_id: str) -> str:
    """Confirm revoking a key."""
    return render_template("operators/key_revoke.html", key=_key(public_id))


@blueprint.post("/<public_id>/revoke")
@operator
def revoke(public_id: str) -> Response:
    """Revoke the key."""
    name = _key(public_id).name
    if service_keys.revoke(name, runtime().clock()):
        message = _(
            "Key %(name)s is revoked. Requests with it are refused from now on.", name=quoted(name)
        )
        flash(message, "ok")
    else:
        flash(_("Key %(name)s was already revoked.", name=quoted(name)), "info")
    return redirect(url_for("keys.index"), 303)


def _page(problem: str | None = None, typed: str = "") -> str:
    found = service_keys.list_all()[::-1]
    return render_template("operators/keys.html", keys=found, problem=problem, typed=typed)


def _key(public_id: str) -> KeyRow:
    found = service_keys.find(public_id) if public_id.isprintable() else None
    return found or abort(404)
