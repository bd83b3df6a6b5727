"""Bulk jobs: requesting, stopping and watching them. `bulk_work` does the work.

A job is a list of connections that were picked, or that matched the list's filters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.actor import current_actor
from webapp.database import reading, writing
from webapp.language import deferred_gettext as _
from webapp.models import BulkItem, BulkJob, ItemState, Status, User
from webapp.problems import Problem
from webapp.services import authority
from webapp.services.operators import list_pages, list_query, list_search
from webapp.services.records import audit
from webapp.services.refresh import breaker, due
from webapp.services.runtime import Runtime

ACTS = ("refresh", "disconnect")
PAGE_SIZE = 50
#: The worker acts on jobs every second; if it does nothing for this long, it isn't running.
SILENCE = timedelta(seconds=30)
#: The form of the IDs that confirmation pages generate for their jobs.
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{12,32}")
_PROBLEM_STATES = (ItemState.FAILED, ItemState.SKIPPED)


#: A detached row, which the pages only read.
Job = BulkJob


class NotAJob(Exception):
    """The ID is not one that a confirmation page generates, or the action is unknown."""


@dataclass(frozen=True, slots=True)
class JobSize:
    """How many connections a job would have."""

    count: int
    #: How many of them would be skipped, because there is nothing to do.
    skipped: int


@dataclass(frozen=True)
class ItemProblem:
    """A connection for which the action failed, or for which there was nothing to do."""

    failed: bool
    code: str | None
    ticket: str
    #: None, like the name, if the person has been deleted.
    open_id: str | None
    display_name: str | None


def size_of(runtime: Runtime, act: str, query: str, open_ids: Sequence[str] | None) -> JobSize:
    """Return the size of a job (see `create_job`). Counts every one of its connections."""
    with reading() as session:
        if open_ids is not None:
            return _size(session, act, _picked(runtime, open_ids))
        parsed = list_query.parse_string(query)
        return _size(session, act, list_pages.matches(session, runtime, parsed, runtime.clock()))


def _picked(runtime: Runtime, open_ids: Sequence[str]) -> list[ColumnElement[bool]]:
    return [User.client_key == runtime.client_key, User.open_id.in_(open_ids)]


def _size(session: Session, act: str, conditions: Sequence[ColumnElement[bool]]) -> JobSize:
    by_status = select(User.status, func.count()).where(*conditions).group_by(User.status)
    counts = {status: count for status, count in session.execute(by_status)}
    skipped = sum(
        count for status, count in counts.items() if reason_to_skip(act, status, holds=True)
    )
    if act == "disconnect" and Status.RECONNECT in counts:
        # A query of its own, because the one above is answered from an index alone.
        lost = (User.status == Status.RECONNECT.value, User.access_token.is_(None))
        skipped += session.scalar(select(func.count()).where(*conditions, *lost)) or 0
    return JobSize(sum(counts.values()), skipped)


def ids_of(runtime: Runtime, open_ids: Sequence[str]) -> list[int]:
    """Return the row IDs of connections, which are shorter than their open_ids."""
    with reading() as session:
        query = select(User.id).where(*_picked(runtime, open_ids)).order_by(User.id)
        return list(session.scalars(query))


def open_ids_of(runtime: Runtime, ids: Sequence[int]) -> tuple[str, ...]:
    """Return the open_ids of rows of our TikTok app; those of deleted people are missing."""
    query = select(User.open_id).where(User.client_key == runtime.client_key, User.id.in_(ids))
    with reading() as session:
        return tuple(session.scalars(query.order_by(User.id)))


def reason_to_skip(act: str, status: str, *, holds: bool) -> str | None:
    """Return our code for why there is nothing to do for a row; None if there is.

    `holds`: the row has the token that the action needs.
    """
    if status in (Status.REVOKING, Status.REVOKED) or not holds and act == "disconnect":
        return "disconnected"
    if act == "refresh" and (status == Status.RECONNECT or not holds):
        return "needs_person"
    return None


def create_job(
    runtime: Runtime,
    job_id: str,
    act: str,
    query: str,
    open_ids: Sequence[str] | None,
    count: int = 0,
) -> None:
    """Request an action on these connections, or on all that match; nothing if the job exists.

    `query`: the filters of the list. `open_ids`: the connections that were picked from it; None:
    all matches, which the worker collects; `count` then tells the audit how many matched at
    confirmation. A search is different: its people are collected here, and what was searched for is
    stored nowhere, as it may name someone who leaves. Raises NotAJob, NoLongerAllowed;
    and SignInTooOld if the act is a disconnect.
    """
    if not _JOB_ID.fullmatch(job_id) or act not in ACTS:
        raise NotAJob
    now, by = runtime.clock(), current_actor()
    found = _searched(runtime, query, now) if open_ids is None else []
    job = BulkJob(
        id=job_id,
        client_key=runtime.client_key,
        act=act,
        actor=by.name,
        address=by.address,
        query=list_query.without_search(query),
        created_at=now,
        gathered_to=0 if found is None else None,
        total=0,
    )
    try:
        with writing() as session:
            _require(session, act, runtime.clock())
            session.add(job)
            # A repeated request fails here, before anything else is written.
            session.flush()
            if open_ids is not None:
                picked = select(User.id, User.ticket).where(*_picked(runtime, open_ids))
                found = [(i, ticket) for i, ticket in session.execute(picked.order_by(User.id))]
            if found is not None:
                count = job.total = add_items(session, job_id, found)
            shown = list_query.for_audit(query)
            audit.record(
                session, now, "bulk.ordered", job=job_id, act=act, count=count, query=shown
            )
    except IntegrityError:
        return


def _searched(runtime: Runtime, query: str, now: datetime) -> list[tuple[int, str]] | None:
    """Return (ID, ticket) of everyone whom the search of a query finds; None if it has none."""
    parsed = list_query.parse_string(query)
    if not parsed.search:
        return None
    limit = list_search.MAX_FOUND
    return list_pages.matching(runtime, parsed, now, after_id=0, limit=limit)


def _require(session: Session, act: str, now: datetime) -> None:
    if act == "disconnect":
        authority.require_fresh(session, now)
    else:
        authority.require(session)


def add_items(session: Session, job_id: str, rows: Sequence[tuple[int, str]]) -> int:
    """Add these rows (ID, ticket) in the caller's transaction. Return how many."""
    if rows:
        items = [
            {"job_id": job_id, "user_id": user_id, "ticket": ticket} for user_id, ticket in rows
        ]
        session.execute(insert(BulkItem), items)
    return len(rows)


def stop_job(runtime: Runtime, job_id: str) -> bool:
    """Stop a job: no more requests are sent; requests already sent complete.

    Return False if there is no such job. Does nothing if the job has stopped or ended. Raises
    NoLongerAllowed.
    """
    now = runtime.clock()
    with writing() as session:
        authority.require(session)
        job = session.get(BulkJob, job_id, with_for_update=True)
        if job is None or job.client_key != runtime.client_key:
            return False
        if job.ended_at is None and job.stopped_at is None:
            job.stopped_at, job.gathered_to = now, None
            job.query = list_query.without_search(job.query)
            audit.record(session, now, "bulk.stopped", job=job_id)
            end_if_done(session, runtime, job)
    return True


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


def problems(job_id: str, after: int) -> tuple[list[ItemProblem], int | None]:
    """Return one page of failed and skipped items, and the `after` of the next page.

    The page starts after the item `after`.
    """
    with reading() as session:
        found = [
            row
            for state in _PROBLEM_STATES
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
        ItemProblem(item.state == ItemState.FAILED, item.code, item.ticket, open_id, name)
        for item, open_id, name in found[:PAGE_SIZE]
    ]
    return page, found[PAGE_SIZE - 1][0].id if len(found) > PAGE_SIZE else None


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
        for state in (ItemState.DONE, *_PROBLEM_STATES):
            last = session.scalar(
                select(BulkItem.ended_at)
                .where(BulkItem.job_id == job.id, BulkItem.state == state.value)
                .order_by(BulkItem.id.desc())
                .limit(1)
            )
            newest += [last] if last else []
    return max(newest)
