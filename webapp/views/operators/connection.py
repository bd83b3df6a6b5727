"""The page of one connection and what operators can do with it. It never shows a token."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webapp.language import gettext as _
from webapp.services.connect import user_info
from webapp.services.connect.disconnect import disconnect_person
from webapp.services.operators import audit_search, bulk, connection
from webapp.services.operators.connection import ConnectionDetails
from webapp.services.refresh.on_demand import NotConnected, Pending, ReconnectRequired, fresh_access
from webapp.services.vault import CannotOpen
from webapp.views.http.guards import at_most, operator
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor
from webapp.views.http.template_filters import display_name
from webapp.views.operators import connection_texts, list_address
from webapp.views.operators.health import connection_chart

blueprint = Blueprint("connection", __name__, url_prefix="/operators")

#: Enough for retries, too few to load TikTok.
PRESSES = "10 per minute"


@blueprint.get("/tokens/<open_id>", merge_slashes=False)
@operator
def show(open_id: str) -> str:
    """Show everything known about one connection."""
    found = _found(open_id)
    user = found.user
    return render_template(
        "operators/connection.html",
        one=found,
        person=user,
        why_next=connection_texts.why_next(found),
        cause=connection_texts.code_text(user.last_error or ""),
        ending=user.grant_ending(runtime().clock()),
        chart=connection_chart(connection.refreshes_by_day(user, runtime().clock())),
        obstacles=connection_texts.obstacles(found),
        granted=sorted(user.granted),
        missing=sorted(user.asked - user.granted),
        lines=connection_texts.timeline_lines(found.timeline, len(user.asked), _jobs(found)),
        reconnect_url=f"{runtime().settings.public_origin}{url_for('connect.choose')}",
        own=_is_own(open_id),
        listed=_listed(),
    )


@blueprint.post("/tokens/<open_id>/refresh", merge_slashes=False)
@operator
@at_most(PRESSES)
def refresh(open_id: str) -> Response:
    """Refresh now, regardless of the schedule, and show the result."""
    found = _found(open_id)
    try:
        access = fresh_access(runtime(), open_id, person=found.user.ref, pressed=True)
    except NotConnected:
        abort(404)
    except (ReconnectRequired, Pending, CannotOpen) as error:
        flash(*_not_refreshed(open_id, error))
    else:
        flash(*connection_texts.refreshed_text(access.expires_at))
    return _back(open_id)


@blueprint.post("/tokens/<open_id>/test", merge_slashes=False)
@operator
@at_most(PRESSES)
def test(open_id: str) -> Response:
    """Ask TikTok whose the stored access token is, and show the result, or why it wasn't asked."""
    obstacle = connection_texts.obstacles(_found(open_id))["test"]
    if obstacle is not None:
        flash(connection_texts.not_tested(obstacle), "warn")
        return _back(open_id)
    try:
        result = connection_texts.test_text(user_info.test_access(runtime(), open_id))
    except NotConnected:
        abort(404)
    except (ReconnectRequired, Pending, CannotOpen) as error:
        if isinstance(error, Pending) and not error.asked:
            result = connection_texts.not_tested_text(_found(open_id), error.cause)
        else:
            result = _not_refreshed(open_id, error)
    flash(*result)
    return _back(open_id)


@blueprint.get("/tokens/<open_id>/disconnect", merge_slashes=False)
@operator
def confirm_disconnect(open_id: str) -> str:
    """Confirm disconnecting this person."""
    found = _found(open_id)
    return render_template(
        "operators/connection_disconnect.html",
        person=found.user,
        obstacle=connection_texts.obstacles(found)["disconnect"],
        held=found.user.access_token is not None,
        services=[use.name for use in found.uses if not use.revoked],
        own=_is_own(open_id),
        listed=_listed(),
    )


@blueprint.post("/tokens/<open_id>/disconnect", merge_slashes=False)
@operator
@at_most(PRESSES)
def disconnect(open_id: str) -> Response:
    """Disconnect this person and show whether TikTok confirmed it."""
    found = _found(open_id)
    obstacle = connection_texts.obstacles(found)["disconnect"]
    if obstacle is not None:
        flash(obstacle, "warn")
    else:
        flash(*connection_texts.disconnected_text(disconnect_person(runtime(), found.user.ref)))
    return _back(open_id)


def _found(open_id: str) -> ConnectionDetails:
    found = connection.details_of(runtime(), open_id)
    return found if found is not None else abort(404)


def _jobs(found: ConnectionDetails) -> dict[str, str]:
    """Return who ordered the bulk jobs in the timeline, by job ID: a name, or a ticket."""
    ids = {job for event in found.timeline if (job := connection_texts.job_of(event))}
    ordered = bulk.orderers(runtime(), sorted(ids))
    people = audit_search.people_of(runtime(), set(filter(None, ordered.values())))
    return {
        job: display_name(people[ticket].name) if ticket in people else ticket or _("a command")
        for job, ticket in ordered.items()
    }


def _back(open_id: str) -> Response:
    return redirect(url_for("connection.show", open_id=open_id) + _listed(), 303)


def _listed() -> str:
    """Return the query string of the list from which the operator came, as far as it is valid."""
    return list_address.same_page(list_address.parse(request.args).query)


def _is_own(open_id: str) -> bool:
    present = visitor()
    return present is not None and present.open_id == open_id


def _not_refreshed(open_id: str, error: Exception) -> tuple[str, str]:
    if isinstance(error, ReconnectRequired):
        return _(connection_texts.PERSON_NEEDED), "warn"
    if isinstance(error, Pending):
        return connection_texts.not_refreshed_text(_found(open_id), error.cause, asked=error.asked)
    return _(connection_texts.CANNOT_OPEN), "warn"
