"""Work on many connections in words: how long, how it stands, what went wrong; reads no row."""

from collections.abc import Mapping

from webapp.services.bulk_reading import Job, Wrong
from webapp.views.endings import ENDINGS
from webapp.views.present import Tag, plural

_SKIPPED: Mapping[str | None, str] = {
    "gone": "The person has deleted the account.",
    "disconnected": "It was disconnected already.",
    "needs_person": "Only the person can mend it, by connecting again.",
    "connected_again": "The person has connected again since this was ordered.",
}
_FAILED: Mapping[str | None, str] = {
    "cannot_open": "What is stored cannot be opened: its key is not in TOKEN_KEYS.",
    "other_open_id": "TikTok answered for another account.",
    "invalid_grant": "TikTok refused to renew it.",
}
_AGAIN = "TikTok did not renew it; the worker tries again by itself."
_NOT_HEARD = "TikTok did not confirm it. It is told again for a day; then our copy is deleted."

_TITLES = {
    "refresh": ("Refreshing", "Refresh of"),
    "disconnect": ("Disconnecting", "Disconnect of"),
}


def title(job: Job) -> str:
    """Return what a job is, in one line."""
    running, over = _TITLES[job.act]
    many = plural(job.total, "connection") if job.total else "connections"
    return f"{over if job.ended_at else running} {many}"


def standing(job: Job) -> Tag:
    """Return how a job stands, in a word."""
    if job.ended_at is None:
        return Tag("warn", "Stopping") if job.stopped else Tag("ok", "Running")
    if job.stopped:
        return Tag("off", "Stopped")
    return Tag("warn", "Done, some failed") if job.failed else Tag("ok", "Done")


def progress(job: Job) -> str:
    """Return how far a job is: "37 of 120 done, 2 failed, 1 skipped"."""
    counts = f"{job.done:,} of {job.total:,} done, {job.failed:,} failed, {job.skipped:,} skipped"
    unsent = f", {job.left:,} not sent" if job.stopped and job.ended_at and job.left else ""
    return counts + unsent


def because(act: str, wrong: Wrong) -> str:
    """Return in one sentence why a connection failed or was skipped."""
    if not wrong.failed:
        return _SKIPPED.get(wrong.code, "There was nothing to do.")
    if act == "disconnect":
        return _NOT_HEARD
    if wrong.code in ENDINGS:
        return f"The person must connect again because {ENDINGS[wrong.code].because}."
    return _FAILED.get(wrong.code, _AGAIN)


def lasting(seconds: float) -> str:
    """Return a span of time in words: "about 3 minutes"."""
    if seconds < 60:
        return "less than a minute"
    if seconds < 3600:
        return f"about {plural(round(seconds / 60), 'minute')}"
    if seconds < 48 * 3600:
        return f"about {plural(round(seconds / 3600), 'hour')}"
    return f"about {plural(round(seconds / 86400), 'day')}"


def budget(rate: float) -> str:
    """Return how many a second that is: "8", "0.5"."""
    return f"{rate:.0f}" if rate >= 1 and rate == int(rate) else f"{rate:.2g}"
