"""The operators' page of service keys; shows a new key once and puts none anywhere else."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.handout import service_keys
from webapp.services.handout.service_keys import MAX_NAME_LENGTH, BadName, KeyRow, NameTaken
from webapp.views.http.guards import at_most, operator
from webapp.views.http.runtime import runtime
from webapp.views.http.template_filters import quoted

blueprint = Blueprint("keys", __name__, url_prefix="/operators/keys")

BAD_NAME = N_("Give the key a name of 1 to %(longest)s printable characters.")
_TAKEN = N_(
    "A key with this name already exists. If you just reloaded the page, the key was "
    "already issued and can't be shown again. Revoke it and issue another one under "
    "a new name."
)


@blueprint.get("")
@operator
def index() -> str:
    """List the keys, newest first, above the form for another."""
    return _page()


@blueprint.post("")
@operator
@at_most("30 per minute")
def issue() -> str | tuple[str, int]:
    """Make a key and show it in this answer alone: it may be in no address and no session."""
    name = request.form.get("name", "").strip()
    try:
        made = service_keys.issue(name, runtime().clock())
    except BadName:
        return _page(
            problem=_(BAD_NAME, longest=MAX_NAME_LENGTH), typed=name[:MAX_NAME_LENGTH]
        ), 422
    except NameTaken:
        return _page(problem=_(_TAKEN), typed=name), 422
    return render_template("operators/key_issued.html", name=name, key=made)


@blueprint.get("/<public_id>/revoke")
@operator
def confirm_revoke(public_id: str) -> str:
    """Ask before a service loses its key."""
    return render_template("operators/key_revoke.html", key=_key(public_id))


@blueprint.post("/<public_id>/revoke")
@operator
def revoke(public_id: str) -> Response:
    """Refuse the key from now on."""
    name = _key(public_id).name
    if service_keys.revoke(name, runtime().clock()):
        told = _(
            "Key %(name)s is revoked. Requests with it are refused from now on.", name=quoted(name)
        )
        flash(told, "ok")
    else:
        flash(_("Key %(name)s was already revoked.", name=quoted(name)), "info")
    return redirect(url_for("keys.index"), 303)


def _page(problem: str | None = None, typed: str = "") -> str:
    found = service_keys.list_all()[::-1]
    return render_template("operators/keys.html", keys=found, problem=problem, typed=typed)


def _key(public_id: str) -> KeyRow:
    found = service_keys.find(public_id) if public_id.isprintable() else None
    return found or abort(404)
