"""Texts for bulk jobs: titles, progress, durations and what went wrong."""

from collections.abc import Mapping

from webapp import language
from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.operators.bulk import ItemProblem, Job
from webapp.views.http.ending_texts import ENDINGS, ending
from webapp.views.http.template_filters import Tag

_SKIPPED: Mapping[str | None, str] = {
    "gone": N_("The person deleted their account."),
    "disconnected": N_("It was already disconnected."),
    "needs_person": N_("Only the person can fix it, by reconnecting."),
    "connected_again": N_("The person has reconnected since this job was created."),
}
_FAILED: Mapping[str | None, str] = {
    "cannot_open": N_("The stored tokens can't be decrypted: their key isn't in TOKEN_KEYS."),
    "other_open_id": N_("TikTok's response was for a different account."),
    "invalid_grant": N_("TikTok refused to renew it."),
}
_NOTHING = N_("There was nothing to do.")
_RETRIED = N_("TikTok didn't renew it; the worker will try again automatically.")
_NOT_CONFIRMED = N_("TikTok didn't confirm it. We retry for a day, then delete our copy.")


def title(job: Job) -> str:
    """Return the title of a job."""
    return _refresh(job) if job.act == "refresh" else _disconnect(job)


def _refresh(job: Job) -> str:
    number = job.total
    if job.ended_at and not number:
        return _("Refresh connections")
    if job.ended_at:
        return ngettext("Refresh %(num)s connection", "Refresh %(num)s connections", number)
    if not number:
        return _("Refreshing connections")
    return ngettext("Refreshing %(num)s connection", "Refreshing %(num)s connections", number)


def _disconnect(job: Job) -> str:
    number = job.total
    if job.ended_at and not number:
        return _("Disconnect connections")
    if job.ended_at:
        return ngettext("Disconnect %(num)s connection", "Disconnect %(num)s connections", number)
    if not number:
        return _("Disconnecting connections")
    return ngettext("Disconnecting %(num)s connection", "Disconnecting %(num)s connections", number)


def state_tag(job: Job) -> Tag:
    """Return the state of a job."""
    if job.ended_at is None:
        return Tag("warn", _("Stopping")) if job.stopped_at else Tag("ok", _("Running"))
    if job.stopped_at:
        return Tag("off", _("Stopped"))
    return Tag("warn", _("Done, some failed")) if job.failed else Tag("ok", _("Done"))


def progress(job: Job) -> str:
    """Return a job's progress: "37 of 120 done, 2 failed, 1 skipped"."""
    counts = {"done": job.done, "total": job.total, "failed": job.failed, "skipped": job.skipped}
    if job.stopped_at and job.ended_at and job.left:
        return _(
            "%(done)s of %(total)s done, %(failed)s failed, %(skipped)s skipped, %(left)s not sent",
            left=job.left,
            **counts,
        )
    return _("%(done)s of %(total)s done, %(failed)s failed, %(skipped)s skipped", **counts)


def problem_text(act: str, problem: ItemProblem) -> str:
    """Return why a connection failed or was skipped, as a sentence."""
    if not problem.failed:
        return _(_SKIPPED.get(problem.code, _NOTHING))
    if act == "disconnect":
        return _(_NOT_CONFIRMED)
    if problem.code in ENDINGS:
        because = ending(problem.code).because
        return _("The person must reconnect because %(because)s.", because=because)
    return _(_FAILED.get(problem.code, _RETRIED))


def duration_text(seconds: float) -> str:
    """Return an estimated duration: "about 3 minutes"."""
    if seconds < 60:
        return _("less than a minute")
    if seconds < 3600:
        return ngettext("about %(num)s minute", "about %(num)s minutes", round(seconds / 60))
    if seconds < 48 * 3600:
        return ngettext("about %(num)s hour", "about %(num)s hours", round(seconds / 3600))
    return ngettext("about %(num)s day", "about %(num)s days", round(seconds / 86400))


def rate_text(rate: float) -> str:
    """Return a rate per second: "8", "0.5"."""
    return language.number(rate if rate >= 1 and rate == int(rate) else float(f"{rate:.2g}"))
