"""Another try for notices that were given up; the health page shows them."""

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.services import outbox
from webapp.views.guards import operator
from webapp.views.house import house

notices = Blueprint("notices", __name__, url_prefix="/operators")


@notices.post("/notices/retry")
@operator
def retry() -> Response:
    """Have one notice tried again, by its id in `message`; without one, all that were given up."""
    count = outbox.retry(house().clock(), request.form.get("message") or None)
    if count:
        told = "One notice is" if count == 1 else f"{count} notices are"
        flash(f"{told} to be sent again. The worker does it within seconds.", "ok")
    else:
        flash("Nothing to send again: that notice was sent or removed meanwhile.", "info")
    return redirect(url_for("health.show", _anchor="notices"), 303)
