"""The pages of work on many connections, over made-up jobs; needs no database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from webapp.language import gettext as _
from webapp.models import ItemState, User
from webapp.problems import Problem
from webapp.services.operators.bulk import Cause, Job, JobItem
from webapp.services.operators.list_pages import Row
from webapp.services.operators.list_query import State
from webapp.views.operators import bulk_texts
from webapp.views.operators.bulk import BulkRequest
from webapp.views.operators.bulk_texts import Orderer

_NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
_LIST = "/operators/tokens?status=failing"


def made(**more: Any) -> Job:
    """A job, as its row; `more` are other values of its columns."""
    usual = {
        "id": "made-up-job",
        "act": "refresh",
        "actor": "ct_8f2k91qd",
        "query": "status=failing",
        "created_at": _NOW - timedelta(minutes=4),
        "total": 1204,
        "done": 370,
        "failed": 2,
        "skipped": 1,
    }
    return Job(**usual | more)


RUNNING = made()
_DISCONNECTING = made(act="disconnect", actor="", done=0, failed=0, skipped=0)
_STOPPING = made(stopped_at=_NOW - timedelta(minutes=2))
_STOPPED = made(stopped_at=_NOW - timedelta(minutes=2), ended_at=_NOW - timedelta(minutes=1))
_ENDED = made(done=1201, ended_at=_NOW)
_ALL_FAILED = made(total=20, done=0, failed=20, skipped=0, ended_at=_NOW)
_NOT_CONFIRMED = made(act="disconnect", total=3, done=1, failed=2, skipped=0, ended_at=_NOW)
_BUSY = "temporarily_unavailable"
_WRONGS = [
    JobItem(ItemState.FAILED, _BUSY, "ct_8f2k91qd", "-000Jq74ETHj4fhvb6QG", "Jo"),
    JobItem(ItemState.FAILED, "refused", "ct_8f2k91qe", "-000Jq74ETHj4fhvb6QH", None),
    JobItem(ItemState.SKIPPED, "gone", "ct_8f2k91qf", None, None),
]
_UNHEARD = [
    JobItem(ItemState.FAILED, "timeout", "ct_8f2k91qd", "-000Jq74ETHj4fhvb6QG", "Jo"),
    JobItem(ItemState.UNCONFIRMED, "invalid_grant", "ct_8f2k91qe", "-000Jq74ETHj4fhvb6QH", None),
]
_EACH = [JobItem(state, None, "ct_8f2k91qd", "-000Jq74ETHj4fhvb6QG", "Jo") for state in ItemState]
_BY = Orderer("Mara Lindqvist", "ct_8f2k91qd", "-000Jq74ETHj4fhvb6QG")


def _job(job: Job, items: list[JobItem] | None = None, **more: Any) -> dict[str, Any]:
    problems = [each for each in items or [] if each.code]
    usual = {
        **bulk_texts.job_texts(job, [Cause(each.state, each.code, 1) for each in problems]),
        "by": _BY if job.actor else bulk_texts.orderer("", {}, ""),
        "left": bulk_texts.duration_text(130),
        "under_way": 0,
        "obstacle": None,
        "items": bulk_texts.item_lines(job, items or []),
        "shown": "problems",
        "later": False,
        "next_key": None,
        "still": False,
        "back": _LIST,
    }
    return usual | more


def _confirm(act: str, count: int, *, everything: bool = False, **more: Any) -> dict[str, Any]:
    picked = () if everything else tuple(f"-000{number}" for number in range(count))
    people = [User(open_id=f"-000{number}", display_name="Jo") for number in range(min(count, 10))]
    usual = {
        "asked": BulkRequest(act, "status=failing", everything, picked),
        "count": count,
        "ids": 17 if everything and act == "disconnect" else None,
        "at": _NOW.isoformat(),
        "tickets": () if everything else ("ct_8f2k91qd",),
        "named": bulk_texts.named([Row(user, State.FAILING, False) for user in people]),
        "nothing": False,
        "skipped": [],
        "recent": None,
        "recent_by": None,
        "job_id": "made-up-job",
        "takes": bulk_texts.duration_text(count / 8),
        "budget": bulk_texts.rate_text(8),
        "to_type": act == "disconnect" and count > 1,
        "typed": "",
        "problem": None,
        "has_changed": False,
        "back": _LIST,
    }
    return usual | more


def _nothing(act: str) -> dict[str, Any]:
    skipped = bulk_texts.skipped_texts({"needs_person": 1, "disconnected": 2})
    return _confirm(act, 3, nothing=True, skipped=skipped)


def _again() -> dict[str, Any]:
    failed = BulkRequest("refresh", "", False, (), "made-up-job-id-1")
    return _confirm("refresh", 20, asked=failed, recent=_ENDED, recent_by=_BY, tickets=())


def _jobs(jobs: list[Job], **more: Any) -> dict[str, Any]:
    rows = [(job, bulk_texts.title(job), bulk_texts.job_tag(job), _BY) for job in jobs]
    return {"rows": rows, "verdict": bulk_texts.verdict, "next_key": None, "later": False} | more


_CONFIRM, _SHOW = "operators/bulk_confirm.html", "operators/bulk_job.html"
_INDEX = "operators/bulk_jobs.html"


def _wrong() -> dict[str, Any]:
    problem = bulk_texts.type_text(50)
    return _confirm("disconnect", 50, typed="3", problem=problem)


def _held() -> dict[str, Any]:
    fix = _("start one: flask tokens run")
    return _job(RUNNING, obstacle=Problem("worker", _("no worker seems to be running"), fix))


#: Name → template, and what makes its context, in the language that is spoken then.
BULK: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "bulk-refresh-one": (_CONFIRM, partial(_confirm, "refresh", 1)),
    "bulk-refresh-all": (
        _CONFIRM,
        partial(_confirm, "refresh", 125_000, everything=True, skipped=["7"]),
    ),
    "bulk-disconnect-one": (_CONFIRM, partial(_confirm, "disconnect", 1)),
    "bulk-disconnect-many": (_CONFIRM, partial(_confirm, "disconnect", 50)),
    "bulk-disconnect-wrong": (_CONFIRM, _wrong),
    "bulk-grown": (
        _CONFIRM,
        partial(_confirm, "disconnect", 200, everything=True, has_changed=True),
    ),
    "bulk-nothing": (_CONFIRM, partial(_nothing, "refresh")),
    "bulk-nothing-left": (_CONFIRM, partial(_nothing, "disconnect")),
    "bulk-again": (_CONFIRM, _again),
    "bulk-running": (_SHOW, partial(_job, RUNNING, _WRONGS, next_key=7)),
    "bulk-still": (_SHOW, partial(_job, RUNNING, still=True, later=True)),
    "bulk-held": (_SHOW, _held),
    "bulk-disconnecting": (_SHOW, partial(_job, _DISCONNECTING)),
    "bulk-stopping": (_SHOW, partial(_job, _STOPPING, under_way=8)),
    "bulk-stopped": (_SHOW, partial(_job, _STOPPED, _WRONGS[:1])),
    "bulk-ended": (_SHOW, partial(_job, _ENDED)),
    "bulk-all": (_SHOW, partial(_job, _STOPPED, _EACH, shown="all")),
    "bulk-all-beyond": (_SHOW, partial(_job, _ENDED, shown="all", later=True)),
    "bulk-all-failed": (_SHOW, partial(_job, _ALL_FAILED, _WRONGS[:2])),
    "bulk-not-confirmed": (_SHOW, partial(_job, _NOT_CONFIRMED, _UNHEARD)),
    "bulk-jobs": (
        _INDEX,
        partial(
            _jobs, [RUNNING, _DISCONNECTING, _STOPPED, _ENDED, _ALL_FAILED], next_key="made-up-job"
        ),
    ),
    "bulk-jobs-later": (_INDEX, partial(_jobs, [_ENDED], later=True)),
    "bulk-jobs-beyond": (_INDEX, partial(_jobs, [], later=True)),
    "bulk-jobs-none": (_INDEX, partial(_jobs, [])),
}
