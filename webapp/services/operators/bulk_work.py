"""The worker's part of bulk jobs: once a second it collects rows, makes them due, stores results.

Jobs don't call TikTok: they make rows due, and the worker refreshes or revokes these like any
other. Each row is made due once, and a row that is due survives a restart. Other due rows wait a
few seconds longer at most.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import BulkItem, BulkJob, ItemState, Reason, Status, User
from webapp.services.connect import disconnect
from webapp.services.operators import bulk, list_pages, list_query
from webapp.services.refresh.breaker import Permit
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

STEP_EVERY = 1.0
#: At most this many seconds' worth of refreshes are with the worker.
SECONDS_AHEAD = 5.0
#: Rows that one step adds to a job.
GATHER_AT_ONCE = 2000
#: How long the items of an ended job are kept, and how many are removed at a time.
KEEP_ITEMS = timedelta(days=30)
_REMOVED_AT_ONCE = 5000
#: These postpone a row for 15 minutes without counting as a failure (refresh.verdicts).
_POSTPONED = ("cannot_open", "other_open_id")
#: Longer than a row waits that has not been tried yet: 30 s while the breaker is open.
_POSTPONED_FOR = timedelta(seconds=60)


class ItemResult(NamedTuple):
    """The result of an item, with our code or TikTok's."""

    state: ItemState
    code: str | None = None


class BulkWork:
    """Does one worker's part of the jobs."""

    def __init__(self, runtime: Runtime) -> None:
        """Store the runtime; the first step is due immediately."""
        self._runtime = runtime
        self._next_at = 0.0

    def take(self, permit: Permit) -> None:
        """Do the next step of all jobs, at most once a second. Sends nothing while paused.

        Raises nothing: whatever is wrong with a job, connections are still refreshed.
        """
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + STEP_EVERY
        try:
            _step(self._runtime, 0.0 if permit.reason is not None else permit.pace)
        except Exception as error:  # noqa: BLE001  refreshing must not stop with it
            log.warning("bulk_step_failed", error=type(error).__name__)


def _step(runtime: Runtime, pace: float) -> None:
    """Do one step of every job. `pace`: the part of REFRESH_RATE that is allowed; 0: send none.

    Jobs share what may be sent, so a small one doesn't wait for a big one.
    """
    jobs = _open_jobs(runtime)
    for job_id in jobs:
        settle_items(runtime, job_id)
        gather(runtime, job_id)
    room = _room(runtime, pace) if jobs and pace > 0 else 0
    for index, job_id in enumerate(jobs):
        others = len(jobs) - index
        room -= make_due(runtime, job_id, -(-room // others))
        end_job(runtime, job_id)


def is_open(runtime: Runtime) -> bool:
    """Return True if any job has not ended."""
    return bool(_open_jobs(runtime))


def _open_jobs(runtime: Runtime) -> list[str]:
    with reading() as session:
        return list(
            session.scalars(
                select(BulkJob.id)
                .where(BulkJob.client_key == runtime.client_key)
                .where(BulkJob.ended_at.is_(None))
                .order_by(BulkJob.created_at, BulkJob.id)
            )
        )


def _room(runtime: Runtime, pace: float) -> int:
    """Return how many more rows may be made due."""
    with reading() as session:
        sent = session.scalar(
            select(func.count())
            .select_from(BulkItem)
            .join(BulkJob, BulkJob.id == BulkItem.job_id)
            .where(BulkJob.ended_at.is_(None), BulkItem.state == ItemState.SENT.value)
            .where(BulkJob.client_key == runtime.client_key)
        )
    return max(1, int(SECONDS_AHEAD * runtime.settings.refresh_rate * pace)) - (sent or 0)


def lock_job(session: Session, job_id: str) -> BulkJob | None:
    """Return a job that has not ended, locked; None if another worker has locked it."""
    return session.scalar(
        select(BulkJob)
        .where(BulkJob.id == job_id, BulkJob.ended_at.is_(None))
        .with_for_update(skip_locked=True)
    )


def gather(runtime: Runtime, job_id: str) -> bool:
    """Add the next matching rows to a job. Return False if all have been added.

    They are matched as of the time of the request.
    """
    with reading() as session:
        seen = session.get(BulkJob, job_id)
    if seen is None or seen.gathered_to is None:
        return False
    query = list_query.parse_string(seen.query)
    found = list_pages.matching(
        runtime, query, seen.created_at, after_id=seen.gathered_to, limit=GATHER_AT_ONCE
    )
    with writing() as session:
        job = lock_job(session, job_id)
        # Another worker may have added the same rows, or the job may have been stopped.
        if job is not None and job.gathered_to == seen.gathered_to:
            job.total += bulk.add_items(session, job.id, found)
            job.gathered_to = found[-1][0] if len(found) == GATHER_AT_ONCE else None
            if job.gathered_to is None:
                # Jobs of older releases have what was searched for, which may name a person.
                job.query = list_query.without_search(job.query)
    return True


def make_due(runtime: Runtime, job_id: str, limit: int) -> int:
    """Make up to `limit` waiting items of a job due. Return how many were sent or skipped."""
    with reading() as session:
        # A job that only waits for results must not take the write lock every second.
        if limit <= 0 or not bulk.has_items(session, job_id, ItemState.WAITING):
            return 0
    with writing(durable=True) as session:
        job = lock_job(session, job_id)
        if job is None or job.stopped_at is not None:
            return 0
        items = session.execute(
            select(BulkItem.id, BulkItem.user_id, BulkItem.ticket)
            .where(BulkItem.job_id == job_id, BulkItem.state == ItemState.WAITING.value)
            .order_by(BulkItem.id)
            .limit(limit)
        ).all()
        rows = _lock_rows(session, [item.user_id for item in items])
        locked = [item for item in items if item.user_id in rows]
        now = runtime.clock()
        changes = [
            {"id": item.id, **_make_due_one(session, job, rows[item.user_id], item.ticket, now)}
            for item in locked
        ]
        job.skipped += sum(change["state"] == ItemState.SKIPPED.value for change in changes)
        if changes:
            session.execute(update(BulkItem), changes)
    return len(changes)


def _make_due_one(
    session: Session, job: BulkJob, user: User | None, ticket: str, now: datetime
) -> dict[str, Any]:
    """Make a row due, or skip it if there is nothing to do. Return the columns of its item."""
    row = user if user is not None and user.ticket == ticket else None
    code = _reason_to_skip(job, row)
    if row is None or code is not None:
        skipped = {"state": ItemState.SKIPPED.value, "code": code, "ended_at": now}
        return skipped | {"version": None, "failures": None, "sent_at": None}
    if job.act == "disconnect":
        disconnect.mark_revoking(session, row, now, next_at=now)
    elif row.next_at is None or (row.claim is None and row.next_at > now):
        # A claimed row is being refreshed right now, and a row that is due keeps its turn.
        row.next_at = now
    sent = {"state": ItemState.SENT.value, "code": None, "ended_at": None, "sent_at": now}
    return sent | {"version": row.version, "failures": row.failures}


def _reason_to_skip(job: BulkJob, user: User | None) -> str | None:
    if user is None:
        return "gone"
    if job.act == "disconnect" and user.connected_at > job.created_at:
        # The connection that was to be ended has been replaced.
        return "connected_again"
    holds = (user.access_token if job.act == "disconnect" else user.refresh_token) is not None
    return bulk.reason_to_skip(job.act, user.status, holds=holds)


def _lock_rows(session: Session, ids: Sequence[int]) -> dict[int, User | None]:
    """Return the rows, locked; None for deleted ones.

    Rows that are locked by others are missing, and left for the next step.
    """
    locked = session.scalars(select(User).where(User.id.in_(ids)).with_for_update(skip_locked=True))
    found: dict[int, User | None] = {user.id: user for user in locked}
    existing = set(session.scalars(select(User.id).where(User.id.in_(ids))))
    return found | {user_id: None for user_id in ids if user_id not in existing}


def settle_items(runtime: Runtime, job_id: str) -> int:
    """Store the results of sent items. Return how many have one now."""
    found = _results(job_id, runtime.clock())
    if not found:
        return 0
    settled = 0
    with writing() as session:
        job = lock_job(session, job_id)
        if job is None:
            return 0
        for result, ids in found.items():
            done: Any = session.execute(
                update(BulkItem)
                .where(BulkItem.id.in_(ids), BulkItem.state == ItemState.SENT.value)
                .values(state=result.state.value, code=result.code, ended_at=runtime.clock())
            )
            # Count only what this statement has changed; another worker may have been faster.
            setattr(job, result.state.value, getattr(job, result.state.value) + done.rowcount)
            settled += done.rowcount
    return settled


def end_job(runtime: Runtime, job_id: str) -> bool:
    """End a job if nothing is left to do. Return True if it ended."""
    with reading() as session:
        # Check without a lock first, because usually there is something left.
        job = session.get(BulkJob, job_id)
        running = job is not None and job.stopped_at is None
        if bulk.has_items(session, job_id, ItemState.SENT) or (
            running and bulk.has_items(session, job_id, ItemState.WAITING)
        ):
            return False
    with writing() as session:
        job = lock_job(session, job_id)
        return job is not None and bulk.end_if_done(session, runtime, job)


def remove_old_items(runtime: Runtime) -> int:
    """Remove some items of jobs that ended long ago. Return how many."""
    old = (
        select(BulkItem.id)
        .join(BulkJob, BulkJob.id == BulkItem.job_id)
        .where(BulkJob.ended_at < runtime.clock() - KEEP_ITEMS)
        .limit(_REMOVED_AT_ONCE)
    )
    with reading() as session:
        ids = session.scalars(old).all()
    if ids:
        with writing() as session:
            session.execute(delete(BulkItem).where(BulkItem.id.in_(ids)))
    return len(ids)


def remove_old_jobs(runtime: Runtime) -> int:
    """Remove jobs that ended longer ago than AUDIT_DAYS, as they name their operator's ticket.

    Their items have been removed before. Return how many jobs were removed.
    """
    before = runtime.clock() - timedelta(days=runtime.settings.audit_days)
    with writing() as session:
        done: Any = session.execute(delete(BulkJob).where(BulkJob.ended_at < before))
    return int(done.rowcount)


def _results(job_id: str, now: datetime) -> Mapping[ItemResult, list[int]]:
    columns = (User.status, User.version, User.failures, User.claim, User.next_at)
    with reading() as session:
        act = session.scalar(select(BulkJob.act).where(BulkJob.id == job_id))
        rows = session.execute(
            select(
                BulkItem.id,
                BulkItem.version.label("sent_version"),
                BulkItem.failures.label("sent_failures"),
                *columns,
                User.last_error,
                User.reason,
            )
            .outerjoin(User, and_(User.id == BulkItem.user_id, User.ticket == BulkItem.ticket))
            .where(BulkItem.job_id == job_id, BulkItem.state == ItemState.SENT.value)
            .order_by(BulkItem.id)
        ).all()
    found: dict[ItemResult, list[int]] = {}
    for row in rows:
        result = _result_of_disconnect(row) if act == "disconnect" else _result_of_refresh(row, now)
        if result is not None:
            found.setdefault(result, []).append(row.id)
    return found


def _result_of_refresh(row: Any, now: datetime) -> ItemResult | None:
    """Return the result of a refresh; None if there is none yet."""
    if row.status is None:
        return ItemResult(ItemState.SKIPPED, "gone")
    if row.status in (Status.REVOKING, Status.REVOKED):
        return ItemResult(ItemState.SKIPPED, "disconnected")
    if row.status == Status.RECONNECT:
        was_sent = row.reason in (Reason.REFUSED, Reason.INTERRUPTED)
        return ItemResult(
            ItemState.FAILED, row.last_error if was_sent and row.last_error else row.reason
        )
    if row.version > row.sent_version:
        return ItemResult(ItemState.DONE)
    postponed = (
        row.claim is None and row.last_error in _POSTPONED and row.next_at > now + _POSTPONED_FOR
    )
    if postponed or row.failures > row.sent_failures:
        return ItemResult(ItemState.FAILED, row.last_error)
    return None


def _result_of_disconnect(row: Any) -> ItemResult | None:
    """Return the result of a disconnect; None if there is none yet."""
    if row.status is None:
        return ItemResult(ItemState.SKIPPED, "gone")
    if row.status == Status.REVOKED:
        # The tokens are wiped; a code means that TikTok did not confirm the end.
        return ItemResult(ItemState.DONE, row.last_error)
    if row.status != Status.REVOKING:
        return ItemResult(ItemState.SKIPPED, "connected_again")
    if row.failures > row.sent_failures:
        return ItemResult(ItemState.FAILED, row.last_error)
    return None
