"""Another try for notices that were given up; the health page shows them."""

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.language import gettext as _
from webapp.language import ngettext
from webapp.services.notifications import outbox
from webapp.views.http.guards import operator
from webapp.views.http.house import house

blueprint = Blueprint("notices", __name__, url_prefix="/operators")


@blueprint.post("/notices/retry")
@operator
def retry() -> Response:
    """Have one notice tried again, by its id in `message`; without one, all that were given up."""
    count = outbox.retry(house().clock(), request.form.get("message") or None)
    if count:
        told = ngettext(
            "One notice is to be sent again. The worker does it within seconds.",
            "%(num)s notices are to be sent again. The worker does it within seconds.",
            count,
        )
        flash(told, "ok")
    else:
        flash(_("Nothing to send again: that notice was sent or removed meanwhile."), "info")
    return redirect(url_for("health.show", _anchor="notices"), 303)
