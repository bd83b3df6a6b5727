"""The setup page: what `flask doctor` says, what to paste at TikTok, what its error page means.

Opening it never calls TikTok: only the button does.
"""

import os
from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from webapp.language import gettext as _
from webapp.services.maintenance import doctor, machine_checks, tiktok_checks
from webapp.services.maintenance.check import Check
from webapp.views.http.guards import at_most, operator, operator_or_first
from webapp.views.http.house import house
from webapp.views.http.visitor import visitor
from webapp.views.operators import checklist

blueprint = Blueprint("setup", __name__, url_prefix="/operators")

#: TikTok's last answer, kept in the browser that asked: every process then shows the same.
_KEPT = "setup_answered"
#: Seconds after which it says nothing any more; a restart may have changed what it was about.
_HOLDS = 600


@blueprint.get("/setup")
@operator_or_first
@at_most("60 per minute")
def show() -> str:
    """Show the checks; to those who are no operators without any value."""
    present = visitor()
    values = present is not None and present.operator
    settings = house().settings
    at, answers = _asked() if values else (None, tiktok_checks.NOT_ASKED)
    found = [*doctor.checks(os.environ, house(), asked=answers), _visit()]
    return render_template(
        "operators/setup.html",
        values=values,
        sections=checklist.sections(found, values=values),
        counts=checklist.counts(found) if values else None,
        asked_at=at,
        paste=tiktok_checks.values_to_paste(settings) if values else [],
        webhook_reachable=settings.https,
        decoder=tiktok_checks.GLOSSARY,
        set_now=tiktok_checks.current_values(settings) if values else {},
    )


@blueprint.post("/setup")
@operator
@at_most("6 per minute")
def ask() -> Response:
    """Ask TikTok once, keep what it said, and show the page again."""
    answered = tiktok_checks.ask_tiktok(house())
    # What it said and not our words for it: they are in the language of whoever looks.
    session[_KEPT] = [int(house().clock().timestamp()), list(answered)]
    if any(check.verdict != "ok" for check in tiktok_checks.checks_from(answered)):
        flash(_("TikTok was asked: see below."), "warn")
    else:
        flash(_("TikTok was asked: all is well."), "ok")
    return redirect(url_for("setup.show"), 303)


def _asked() -> tuple[datetime | None, tuple[Check, ...]]:
    """Return when TikTok was asked from this browser and what it said, if that is news still."""
    kept = cast(list[Any] | None, session.get(_KEPT))
    if kept is None:
        return None, tiktok_checks.NOT_ASKED
    at = datetime.fromtimestamp(kept[0], UTC)
    if (house().clock() - at).total_seconds() > _HOLDS:
        return None, tiktok_checks.NOT_ASKED
    return at, tiktok_checks.checks_from(tiktok_checks.TikTokAnswer(*kept[1]))


def _visit() -> Check:
    origin = request.host_url.rstrip("/").lower()
    forwarded = "X-Forwarded-For" in request.headers or "X-Forwarded-Proto" in request.headers
    return machine_checks.visit_check(house().settings, origin, forwarded=forwarded)
