"""The pages of work on many connections, over made-up jobs; needs no database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from webapp.language import gettext as _
from webapp.problems import Problem
from webapp.services.operators.bulk import ItemProblem, Job
from webapp.views.operators import bulk_texts
from webapp.views.operators.bulk import BulkRequest

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
_GATHERING = made(act="disconnect", actor="", gathered_to=0, total=0, done=0, failed=0, skipped=0)
_STOPPING = made(stopped_at=_NOW - timedelta(minutes=2))
_STOPPED = made(stopped_at=_NOW - timedelta(minutes=2), ended_at=_NOW - timedelta(minutes=1))
_ENDED = made(done=1201, ended_at=_NOW)
_WRONGS = [
    ItemProblem(True, "temporarily_unavailable", "ct_8f2k91qd", "-000Jq74ETHj4fhvb6QG", "Jo"),
    ItemProblem(True, "refused", "ct_8f2k91qe", "-000Jq74ETHj4fhvb6QH", None),
    ItemProblem(False, "gone", "ct_8f2k91qf", None, None),
]


def _job(job: Job, problems: list[ItemProblem] | None = None, **more: Any) -> dict[str, Any]:
    usual = {
        "job": job,
        "title": bulk_texts.title(job),
        "state": bulk_texts.state_tag(job),
        "progress": bulk_texts.progress(job),
        "left": bulk_texts.duration_text(130),
        "obstacle": None,
        "problems": [(each, bulk_texts.problem_text(job.act, each)) for each in problems or []],
        "later": False,
        "next_key": None,
        "still": False,
        "back": _LIST,
    }
    return usual | more


def _confirm(act: str, count: int, *, everything: bool = False, **more: Any) -> dict[str, Any]:
    picked = () if everything else tuple(f"-000{number}" for number in range(count))
    usual = {
        "asked": BulkRequest(act, "status=failing", everything, picked),
        "count": count,
        "skipped": 0,
        "job_id": "made-up-job",
        "takes": bulk_texts.duration_text(count / 8),
        "budget": bulk_texts.rate_text(8),
        "to_type": act == "disconnect" and count > 1,
        "typed": "",
        "problem": None,
        "back": _LIST,
    }
    return usual | more


def _jobs(jobs: list[Job], **more: Any) -> dict[str, Any]:
    rows = [(job, bulk_texts.title(job), bulk_texts.state_tag(job)) for job in jobs]
    return {"rows": rows, "progress": bulk_texts.progress, "next_key": None, "later": False} | more


_CONFIRM, _SHOW = "operators/bulk_confirm.html", "operators/bulk_job.html"
_INDEX = "operators/bulk_jobs.html"


def _wrong() -> dict[str, Any]:
    problem = _("Type %(count)s, the number of connections.", count="50")
    return _confirm("disconnect", 50, typed="3", problem=problem)


def _held() -> dict[str, Any]:
    fix = _("start one: flask tokens run")
    return _job(RUNNING, obstacle=Problem("worker", _("no worker seems to be running"), fix))


#: Name → template, and what makes its context, in the language that is spoken then.
BULK: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "bulk-refresh-one": (_CONFIRM, partial(_confirm, "refresh", 1)),
    "bulk-refresh-all": (
        _CONFIRM,
        partial(_confirm, "refresh", 125_000, everything=True, skipped=7),
    ),
    "bulk-disconnect-one": (_CONFIRM, partial(_confirm, "disconnect", 1)),
    "bulk-disconnect-many": (_CONFIRM, partial(_confirm, "disconnect", 50)),
    "bulk-disconnect-wrong": (_CONFIRM, _wrong),
    "bulk-running": (_SHOW, partial(_job, RUNNING, _WRONGS, next_key=7)),
    "bulk-still": (_SHOW, partial(_job, RUNNING, still=True, later=True)),
    "bulk-held": (_SHOW, _held),
    "bulk-gathering": (_SHOW, partial(_job, _GATHERING)),
    "bulk-stopping": (_SHOW, partial(_job, _STOPPING)),
    "bulk-stopped": (_SHOW, partial(_job, _STOPPED, _WRONGS[:1])),
    "bulk-ended": (_SHOW, partial(_job, _ENDED)),
    "bulk-jobs": (
        _INDEX,
        partial(_jobs, [RUNNING, _GATHERING, _STOPPED, _ENDED], next_key="made-up-job"),
    ),
    "bulk-jobs-later": (_INDEX, partial(_jobs, [_ENDED], later=True)),
    "bulk-jobs-beyond": (_INDEX, partial(_jobs, [], later=True)),
    "bulk-jobs-none": (_INDEX, partial(_jobs, [])),
}
