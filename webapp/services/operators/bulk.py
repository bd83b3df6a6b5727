"""Bulk jobs: watching and stopping them. `bulk_order` creates them, `bulk_work` does the work."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.language import deferred_gettext as _
from webapp.models import BulkItem, BulkJob, ItemState, User
from webapp.problems import Problem
from webapp.services import authority
from webapp.services.operators import list_query
from webapp.services.records import audit
from webapp.services.refresh import breaker, due
from webapp.services.runtime import Runtime

PAGE_SIZE = 50
#: The worker acts on jobs every second; if it does nothing for this long, it isn't running.
SILENCE = timedelta(seconds=30)


#: A detached row, which the pages only read.
Job = BulkJob


class Shown(StrEnum):
    """Which connections of a job are listed."""

    PROBLEMS = "problems"
    ALL = "all"


_LISTED = {
    Shown.PROBLEMS: (ItemState.FAILED, ItemState.UNCONFIRMED, ItemState.SKIPPED),
    Shown.ALL: tuple(ItemState),
}


@dataclass(frozen=True)
class JobItem:
    """One connection of a job, and its result."""

    state: ItemState
    code: str | None
    ticket: str
    #: None, like the name, if the person has been deleted.
    open_id: str | None
    display_name: str | None


@dataclass(frozen=True)
class Cause:
    """How many connections of a job had the same problem."""

    state: ItemState
    code: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Stop:
    """What a request to stop a job did."""

    #: False: the job had been stopped, or had ended, before.
    stopped: bool
    #: Connections whose requests were under way; nothing can take these back.
    under_way: int


def stop_job(runtime: Runtime, job_id: str) -> Stop | None:
    """Stop a job: no more of its requests are sent; those under way complete.

    A worker claims a connection in a transaction that locks its job and sees that it isn't stopped
    (`bulk_work`). So what is not under way when this commits is never sent. Return None if there
    is no such job. Raises NoLongerAllowed.
    """
    now = runtime.clock()
    with writing() as session:
        authority.require(session)
        job = session.get(BulkJob, job_id, with_for_update=True)
        if job is None or job.client_key != runtime.client_key:
            return None
        sent = select(func.count()).where(
            BulkItem.job_id == job_id, BulkItem.state == ItemState.SENT.value
        )
        under_way = session.scalar(sent) or 0
        if job.ended_at is not None or job.stopped_at is not None:
            return Stop(False, under_way)
        job.stopped_at, job.gathered_to = now, None
        job.query = list_query.without_search(job.query)
        audit.record(session, now, "bulk.stopped", job=job_id)
        end_if_done(session, runtime, job)
    return Stop(True, under_way)


def end_if_done(session: Session, runtime: Runtime, job: BulkJob) -> bool:
    """End a job if nothing is left to do, in the caller's transaction. Return True if it ended."""
    left = [ItemState.SENT] if job.stopped_at else [ItemState.SENT, ItemState.WAITING]
    if job.gathered_to is not None or any(has_items(session, job.id, state) for state in left):
        return False
    job.ended_at = runtime.clock()
    audit.record(
        session,
        job.ended_at,
        "bulk.ended",
        job=job.id,
        done=job.done,
        failed=job.failed,
        skipped=job.skipped,
    )
    return True


def has_items(session: Session, job_id: str, state: ItemState) -> bool:
    """Return True if a job has items in this state."""
    query = exists().where(BulkItem.job_id == job_id, BulkItem.state == state.value)
    return bool(session.scalar(select(query)))


def current_rate(runtime: Runtime) -> float:
    """Return how many connections per second a worker may act on now."""
    factor = breaker.rate_factor(breaker.stored(runtime), runtime.clock())
    return runtime.settings.refresh_rate * factor


def find_job(runtime: Runtime, job_id: str) -> Job | None:
    """Return a job of our TikTok app; None if there is none with this ID."""
    with reading() as session:
        found = session.get(BulkJob, job_id)
    if found is None or found.client_key != runtime.client_key:
        return None
    return found


def jobs_page(runtime: Runtime, after: str | None) -> tuple[list[Job], str | None]:
    """Return one page of jobs, newest first, and the `after` of the next page.

    The page starts after the job `after`.
    """
    query = select(BulkJob).where(BulkJob.client_key == runtime.client_key)
    with reading() as session:
        last = session.get(BulkJob, after) if after else None
        if last is not None:
            same = and_(BulkJob.created_at == last.created_at, BulkJob.id < last.id)
            query = query.where(or_(BulkJob.created_at < last.created_at, same))
        newest = query.order_by(BulkJob.created_at.desc(), BulkJob.id.desc())
        found = session.scalars(newest.limit(PAGE_SIZE + 1)).all()
    page = list(found[:PAGE_SIZE])
    return page, page[-1].id if len(found) > PAGE_SIZE else None


def items(job_id: str, shown: Shown, after: int) -> tuple[list[JobItem], int | None]:
    """Return one page of a job's connections, and the `after` of the next page.

    The page starts after the item `after`.
    """
    with reading() as session:
        found = [
            row
            for state in _LISTED[shown]
            # One query for each: the index has the IDs in order within a state.
            for row in session.execute(
                select(BulkItem, User.open_id, User.display_name)
                .outerjoin(User, and_(User.id == BulkItem.user_id, User.ticket == BulkItem.ticket))
                .where(BulkItem.job_id == job_id, BulkItem.state == state.value)
                .where(BulkItem.id > after)
                .order_by(BulkItem.id)
                .limit(PAGE_SIZE + 1)
            )
        ]
    found.sort(key=lambda row: row[0].id)
    page = [
        JobItem(ItemState(item.state), item.code, item.ticket, open_id, name)
        for item, open_id, name in found[:PAGE_SIZE]
    ]
    return page, found[PAGE_SIZE - 1][0].id if len(found) > PAGE_SIZE else None


def causes(job_id: str) -> list[Cause]:
    """Return the problems of a job by state and code, the most frequent of each state first."""
    listed = _LISTED[Shown.PROBLEMS]
    query = (
        select(BulkItem.state, BulkItem.code, func.count())
        .where(BulkItem.job_id == job_id, BulkItem.state.in_([state.value for state in listed]))
        .group_by(BulkItem.state, BulkItem.code)
    )
    with reading() as session:
        found = [Cause(ItemState(s), code, count) for s, code, count in session.execute(query)]
    return sorted(found, key=lambda each: (listed.index(each.state), -each.count, each.code or ""))


def under_way(job_id: str) -> int:
    """Return how many connections of a job wait for TikTok's response."""
    query = select(func.count()).where(
        BulkItem.job_id == job_id, BulkItem.state == ItemState.SENT.value
    )
    with reading() as session:
        return session.scalar(query) or 0


def orderers(runtime: Runtime, job_ids: Sequence[str]) -> dict[str, str]:
    """Return the ticket of the operator who ordered each of these jobs, by job ID."""
    if not job_ids:
        return {}
    query = select(BulkJob.id, BulkJob.actor).where(
        BulkJob.id.in_(job_ids), BulkJob.client_key == runtime.client_key
    )
    with reading() as session:
        return {job_id: actor for job_id, actor in session.execute(query)}


def obstacle(runtime: Runtime, job: Job) -> Problem | None:
    """Return why a job makes no progress; None if it does or has ended."""
    if job.ended_at is not None:
        return None
    problem = breaker.open_problem(runtime)
    if problem is not None:
        return replace(problem, cause=_("refreshes are paused: %(cause)s", cause=problem.cause))
    now = runtime.clock()
    late = timedelta(seconds=due.lag(runtime, now))
    if late > SILENCE or now - _last_progress(job, now) > SILENCE:
        cause = _("no worker seems to be running")
        return Problem("worker", cause, _("start one: flask tokens run"))
    return None


def _last_progress(job: Job, now: datetime) -> datetime:
    """Return when a worker last did something for a job; now if it is waiting for TikTok."""
    with reading() as session:
        if has_items(session, job.id, ItemState.SENT):
            return now
        newest = [job.created_at]
        for state in (ItemState.DONE, *_LISTED[Shown.PROBLEMS]):
            last = session.scalar(
                select(BulkItem.ended_at)
                .where(BulkItem.job_id == job.id, BulkItem.state == state.value)
                .order_by(BulkItem.id.desc())
                .limit(1)
            )
            newest += [last] if last else []
    return max(newest)
