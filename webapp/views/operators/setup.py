"""The setup page: what `flask doctor` checks, what to paste at TikTok, what its error words mean.

Opening it never calls TikTok; only its button does. While there is no operator, anyone can open it
and sees names, states and fixes, but no values.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from webapp import language
from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.maintenance import doctor, machine_checks, tiktok_checks
from webapp.services.maintenance.check import Check
from webapp.settings import NAMES
from webapp.views.http.guards import at_most, operator, operator_or_first
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor
from webapp.views.http.template_filters import Tag, sentence

blueprint = Blueprint("setup", __name__, url_prefix="/operators")

GROUPS = {"configuration": N_("Configuration"), "tiktok": N_("TikTok"), "running": N_("Running")}
#: Name of a check → its title; checks of settings are titled with the setting's name.
TITLES = {
    "app": N_("Production or Sandbox keys"),
    "breaker": N_("Refreshes are being sent"),
    "clock": N_("The clock is correct"),
    "cookies": N_("Cookies are protected"),
    "credentials": N_("TikTok accepts the client key and secret"),
    "database": N_("The database is at the latest migration"),
    "disk": N_("There is enough disk space"),
    "endpoint": N_("TikTok can be reached"),
    "files": N_("Files with secrets are private"),
    "installation": N_("The database belongs to this installation"),
    "journal": N_("The database is in WAL mode"),
    "keys": N_("The newest stored tokens can be decrypted"),
    "people": N_("Everyone connected with this client key"),
    "person": N_("A real person has connected"),
    "proxy": N_("The address matches the proxy settings"),
    "redirect": N_("The redirect URI can be registered"),
    "rescue": N_("The rescue file is empty"),
    "rows": N_("All stored tokens can be decrypted"),
    "webhook": N_("TikTok's webhook has arrived"),
    "worker": N_("The worker is keeping up"),
}
#: Session key of TikTok's last response: kept in the browser, so every process shows the same.
_ANSWER = "setup_answered"
#: Seconds until that response is dropped: a restart may have changed the settings.
_ANSWER_LIFE = 600


@blueprint.get("/setup")
@operator_or_first
@at_most("60 per minute")
def show() -> str:
    """Show the checks; only operators see values."""
    present = visitor()
    values = present is not None and present.operator
    settings = runtime().settings
    at, answers = _last_answer() if values else (None, tiktok_checks.NOT_ASKED)
    checks = [*doctor.checks(os.environ, runtime(), asked=answers), _visit_check()]
    return render_template(
        "operators/setup.html",
        values=values,
        sections=sections(checks, values=values),
        counts=counts(checks) if values else None,
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
    """Ask TikTok once, keep its response in the session, and show the page again."""
    answer = tiktok_checks.ask_tiktok(runtime())
    # TikTok's response, not our text about it, because the language may change.
    session[_ANSWER] = [int(runtime().clock().timestamp()), list(answer)]
    if any(check.verdict != "ok" for check in tiktok_checks.checks_from(answer)):
        flash(_("Checked with TikTok: see below."), "warn")
    else:
        flash(_("Checked with TikTok: everything is fine."), "ok")
    return redirect(url_for("setup.show"), 303)


class Task(NamedTuple):
    """One row: what is checked, what was found, the state, and the fix."""

    name: str
    #: The name is that of a setting, which isn't translated.
    is_setting: bool
    hint: str
    state: Tag
    fix: str


class Section(NamedTuple):
    """One heading with its rows; `folded` are settings without problems."""

    title: str
    tasks: list[Task]
    folded: list[Task]


def check_tag(check: Check) -> Tag:
    """Return the tag for a verdict, in the wording of GOV.UK's task list."""
    if check.verdict == "FAIL":
        return Tag("bad", _("There is a problem"))
    if check.verdict == "warn":
        return Tag("warn", _("Check"))
    return Tag("ok", _("Done")) if check.known else Tag("off", _("Not known yet"))


def sections(checks: Iterable[Check], *, values: bool) -> list[Section]:
    """Return the checks by group; without `values`, no causes and only public fixes."""
    by_group = {group: Section(_(title), [], []) for group, title in GROUPS.items()}
    for check in checks:
        section = by_group[check.group]
        needs_nothing = check.name in NAMES and check.verdict == "ok"
        (section.folded if needs_nothing else section.tasks).append(_task(check, values=values))
    return list(by_group.values())


def counts(checks: Iterable[Check]) -> tuple[int, int]:
    """Return how many checks pass and how many there are, without those not known yet."""
    known = [check for check in checks if check.known]
    return sum(check.verdict == "ok" for check in known), len(known)


def _task(check: Check, *, values: bool) -> Task:
    is_setting = check.name not in TITLES
    name = check.name if is_setting else _(TITLES[check.name])
    hint = sentence(check.cause) if values else ""
    fix = language.spoken(check.fix) if values or check.public else ""
    return Task(name, is_setting, hint, check_tag(check), fix)


def _last_answer() -> tuple[datetime | None, tuple[Check, ...]]:
    """Return when this browser last asked TikTok, and the resulting checks, if still recent."""
    kept = cast(list[Any] | None, session.get(_ANSWER))
    if kept is None:
        return None, tiktok_checks.NOT_ASKED
    at = datetime.fromtimestamp(kept[0], UTC)
    if (runtime().clock() - at).total_seconds() > _ANSWER_LIFE:
        return None, tiktok_checks.NOT_ASKED
    return at, tiktok_checks.checks_from(tiktok_checks.TikTokAnswer(*kept[1]))


def _visit_check() -> Check:
    """Return the check of how this request reached the app."""
    origin = request.host_url.rstrip("/").lower()
    forwarded = "X-Forwarded-For" in request.headers or "X-Forwarded-Proto" in request.headers
    return machine_checks.visit_check(runtime().settings, origin, forwarded=forwarded)
