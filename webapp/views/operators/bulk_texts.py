"""Texts for bulk jobs: titles, verdicts, durations, what went wrong and who ordered it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp import language
from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.operators.audit_search import Person
from webapp.services.operators.bulk import Cause, Job, JobItem, Stop
from webapp.services.operators.list_pages import Row
from webapp.views.http.ending_texts import ENDINGS, ending
from webapp.views.http.template_filters import Tag, display_name, sentence, state_tag
from webapp.views.operators.connection_texts import code_text

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
_RETRIED = N_("The worker will try again automatically.")
_NO_ANSWER = N_(
    "Disconnected here. TikTok didn't respond, so we keep notifying it for up to a day."
)
_NOT_CONFIRMED = N_("Disconnected here: our tokens are deleted. TikTok didn't confirm it.")
#: State of an item → its tag.
_RESULTS = {
    "waiting": Tag("off", N_("Waiting")),
    "sent": Tag("warn", N_("Under way")),
    "failed": Tag("bad", N_("Failed")),
    "unconfirmed": Tag("bad", N_("Not confirmed")),
    "skipped": Tag("off", N_("Skipped")),
}
_DONE = {"refresh": Tag("ok", N_("Refreshed")), "disconnect": Tag("ok", N_("Disconnected"))}
_NOT_SENT = Tag("off", N_("Not sent"))


@dataclass(frozen=True)
class Orderer:
    """Who ordered a job, with the address of their page if there is one."""

    word: str
    #: Empty: a command, which has no ticket.
    ticket: str
    open_id: str | None = None


@dataclass(frozen=True)
class CauseLine:
    """How many connections of a job had one problem."""

    count: int
    text: str
    tag: Tag
    #: TikTok's code or ours, for a search in the log; empty if the text has it, or none is needed.
    code: str


@dataclass(frozen=True)
class ItemLine:
    """One connection of a job, as the page lists it."""

    item: JobItem
    tag: Tag
    #: Empty if there is nothing to explain.
    text: str
    #: As in `CauseLine`.
    code: str


@dataclass(frozen=True)
class NamedRow:
    """One of the connections that a confirmation page names."""

    name: str
    open_id: str
    state: Tag


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


def job_tag(job: Job) -> Tag:
    """Return the state of a job. "Done" means that it worked."""
    if job.ended_at is None:
        return Tag("warn", _("Stopping")) if job.stopped_at else Tag("ok", _("Running"))
    if job.failed and not job.done:
        refreshing = job.act == "refresh"
        return Tag("bad", _("All failed") if refreshing else _("None confirmed"))
    if job.stopped_at:
        return Tag("off", _("Stopped"))
    if job.failed:
        refreshing = job.act == "refresh"
        return Tag("warn", _("Some failed") if refreshing else _("Some not confirmed"))
    return Tag("ok", _("Done")) if job.done else Tag("off", _("Nothing to do"))


def verdict(job: Job) -> str:
    """Return what came of a job: "20 of 20 finished · 0 refreshed · 20 failed"."""
    number = language.number
    over = job.total - job.left
    parts = [_("%(over)s of %(total)s finished", over=number(over), total=number(job.total))]
    if job.act == "refresh":
        parts.append(_("%(num)s refreshed", num=number(job.done)))
        parts.append(_("%(num)s failed", num=number(job.failed)))
    else:
        parts.append(_("%(num)s confirmed by TikTok", num=number(job.done)))
        parts.append(_("%(num)s not confirmed", num=number(job.failed)))
    if job.skipped:
        parts.append(_("%(num)s skipped", num=number(job.skipped)))
    if job.stopped_at and job.ended_at and job.left:
        parts.append(_("%(num)s not sent", num=number(job.left)))
    return " · ".join(parts)


def job_texts(job: Job, causes: Sequence[Cause]) -> dict[str, Any]:
    """Return the job and its texts, for the context of its page."""
    return {
        "job": job,
        "what": title(job),
        "verdict": verdict(job),
        "state": job_tag(job),
        "causes": [_cause_line(job.act, each) for each in causes],
        # Of a disconnect, the worker retries what TikTok didn't answer.
        "retry": job.ended_at is not None and job.act == "refresh" and job.failed > 0,
    }


def _cause_line(act: str, cause: Cause) -> CauseLine:
    text = problem_text(act, cause.state, cause.code)
    tag = _RESULTS[cause.state].translated()
    return CauseLine(cause.count, text, tag, _code(cause.state, cause.code, text))


def _code(state: str, code: str | None, text: str) -> str:
    return code if code and state != "skipped" and code not in text else ""


def item_lines(job: Job, items: Sequence[JobItem]) -> list[ItemLine]:
    """Return these connections of a job as lines."""
    tags = _RESULTS | {"done": _DONE[job.act]}
    if job.stopped_at:
        tags |= {"waiting": _NOT_SENT}
    lines = []
    for each in items:
        text = problem_text(job.act, each.state, each.code)
        code = _code(each.state, each.code, text)
        lines.append(ItemLine(each, tags[each.state].translated(), text, code))
    return lines


def problem_text(act: str, state: str, code: str | None) -> str:
    """Return why a connection failed or was skipped, in sentences; empty if it wasn't."""
    if state == "skipped":
        return _(_SKIPPED.get(code, _NOTHING))
    if state == "unconfirmed":
        return _(_NOT_CONFIRMED)
    if state != "failed":
        return ""
    if act == "disconnect":
        return _(_NO_ANSWER)
    if code in ENDINGS:
        return _("The person must reconnect because %(because)s.", because=ending(code).because)
    if code in _FAILED:
        return _(_FAILED[code])
    return f"{sentence(code_text(code or ''))} {_(_RETRIED)}"


def orderer(ticket: str, people: Mapping[str, Person], own: str) -> Orderer:
    """Return who ordered a job; `people` are those who still exist, `own` the reader's ticket."""
    if not ticket:
        return Orderer(_("a command"), "")
    person = people.get(ticket)
    if ticket == own:
        return Orderer(_("You"), ticket)
    if person is None:
        return Orderer(_("Deleted person"), ticket)
    return Orderer(display_name(person.name), ticket, person.open_id)


def stopped_text(done: Stop) -> str:
    """Return what a request to stop a job did."""
    if not done.stopped:
        return _("This job was no longer running.")
    if not done.under_way:
        return _("Stopped. No request was under way, and no more will be sent.")
    return ngettext(
        "Stopped. %(num)s request was already under way and will complete; no more will be sent.",
        "Stopped. %(num)s requests were already under way and will complete; no more will be sent.",
        done.under_way,
    )


def unreadable_text(names: Sequence[str]) -> str:
    """Return why a request for all matches was refused."""
    return _(
        "Nothing was ordered, because these filters can't be read: %(names)s. Without them, other "
        "connections would match. Filter the list again, then select.",
        names=language.listed(list(names)),
    )


def type_text(count: int) -> str:
    """Return what is wrong if another number was typed than the one the page shows."""
    # Without digit grouping, as the page shows it.
    return _("Type %(count)s, the number of connections.", count=str(count))


def named(rows: Sequence[Row]) -> list[NamedRow]:
    """Return the connections that a confirmation page names."""
    return [
        NamedRow(display_name(row.user.display_name), row.user.open_id, state_tag(row.state))
        for row in rows
    ]


def skipped_texts(by_reason: Mapping[str, int]) -> list[str]:
    """Return why there is nothing to do for some connections, a sentence for each reason."""
    texts = {
        "needs_person": lambda count: ngettext(
            "%(num)s needs the person to reconnect.",
            "%(num)s need the person to reconnect.",
            count,
        ),
        "disconnected": lambda count: ngettext(
            "%(num)s is already disconnected.", "%(num)s are already disconnected.", count
        ),
    }
    return [texts[reason](count) for reason, count in sorted(by_reason.items()) if count]


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
