"""The worker's part in bulk jobs: once a second it gathers, makes rows due and settles them.

A job never calls TikTok: it makes rows due, and the worker refreshes or revokes them like any
other. The row is the queue, and each is sent once: if it is still due after a restart, the queue
has it. What is due for its own sake waits a few seconds longer at most.
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
from webapp.services.operators import bulk
from webapp.services.refresh.breaker import Permit
from webapp.services.runtime import Runtime

#: Rows that one step of gathering adds.
GATHER_AT_ONCE = 2000


def lock_job(session: Session, job_id: str) -> BulkJob | None:
    """Return a job that is not over, ours until the transaction ends; None if another has it."""
    return session.scalar(
        select(BulkJob)
        .where(BulkJob.id == job_id, BulkJob.ended_at.is_(None))
        .with_for_update(skip_locked=True)
    )


def gather(runtime: Runtime, job_id: str) -> bool:
    """Add the next rows that match to a job; tell whether it had any left to gather.

    They match as at the time of the order: whoever connects after it is not meant.
    """
    with reading() as session:
        seen = session.get(BulkJob, job_id)
    if seen is None or seen.gathered_to is None:
        return False
    found = bulk.next_rows(runtime, seen.query, seen.created_at, seen.gathered_to, GATHER_AT_ONCE)
    with writing() as session:
        job = lock_job(session, job_id)
        # Another worker may have added the same rows meanwhile, or somebody has pressed Stop.
        if job is not None and job.gathered_to == seen.gathered_to:
            job.total += bulk.add_items(session, job.id, found)
            job.gathered_to = found[-1][0] if len(found) == GATHER_AT_ONCE else None
    return True


def make_due(runtime: Runtime, job_id: str, most: int) -> int:
    """Send up to `most` waiting items of a job; return how many were sent or skipped."""
    with reading() as session:
        # No write lock is taken every second for a job that only waits for answers.
        if most <= 0 or not bulk.has_items(session, job_id, ItemState.WAITING):
            return 0
    with writing(durable=True) as session:
        job = lock_job(session, job_id)
        if job is None or job.stopped_at is not None:
            return 0
        items = session.execute(
            select(BulkItem.id, BulkItem.user_id, BulkItem.ticket)
            .where(BulkItem.job_id == job_id, BulkItem.state == ItemState.WAITING.value)
            .order_by(BulkItem.id)
            .limit(most)
        ).all()
        rows = _rows(session, [item.user_id for item in items])
        seen = [item for item in items if item.user_id in rows]
        now = runtime.clock()
        changes = [
            {"id": i.id, **_make_due_one(session, job, rows[i.user_id], i.ticket, now)}
            for i in seen
        ]
        job.skipped += sum(change["state"] == ItemState.SKIPPED.value for change in changes)
        if changes:
            session.execute(update(BulkItem), changes)
    return len(changes)


def _make_due_one(
    session: Session, job: BulkJob, user: User | None, ticket: str, now: datetime
) -> dict[str, Any]:
    """Make a row due, or find nothing to do for it; return the columns of its item."""
    ours = user if user is not None and user.ticket == ticket else None
    code = _reason_to_skip(job, ours)
    if ours is None or code is not None:
        skipped = {"state": ItemState.SKIPPED.value, "code": code, "ended_at": now}
        return skipped | {"version": None, "failures": None, "sent_at": None}
    if job.act == "disconnect":
        disconnect.mark_revoking(session, ours, now, next_at=now)
    elif ours.next_at is None or (ours.claim is None and ours.next_at > now):
        # Whoever has a claim refreshes it in this moment, and one that is due keeps its turn.
        ours.next_at = now
    sent = {"state": ItemState.SENT.value, "code": None, "ended_at": None, "sent_at": now}
    return sent | {"version": ours.version, "failures": ours.failures}


def _reason_to_skip(job: BulkJob, user: User | None) -> str | None:
    if user is None:
        return "gone"
    if job.act == "disconnect" and user.connected_at > job.created_at:
        # They came back since: that is not the connection that was to be ended.
        return "connected_again"
    holds = (user.access_token if job.act == "disconnect" else user.refresh_token) is not None
    return bulk.reason_to_skip(job.act, user.status, holds=holds)


def _rows(session: Session, ids: Sequence[int]) -> dict[int, User | None]:
    """Return the rows, ours until the transaction ends; None where there is none any more.

    A row that somebody else is writing in this moment is left out, for the next time.
    """
    locked = session.scalars(select(User).where(User.id.in_(ids)).with_for_update(skip_locked=True))
    found: dict[int, User | None] = {user.id: user for user in locked}
    there = set(session.scalars(select(User.id).where(User.id.in_(ids))))
    return found | {one: None for one in ids if one not in there}


#: How long the items of a job that is over are kept, and how many are removed at a time.
KEEP_ITEMS = timedelta(days=30)
_REMOVED_AT_ONCE = 5000
#: These put a row off for a quarter of an hour without a mark of failure (services.verdicts).
_DEFERRED = ("cannot_open", "other_open_id")
#: Longer than any wait of a row that has not been tried yet: those of an open breaker are 30 s.
_DEFERRED_FOR = timedelta(seconds=60)


class ItemResult(NamedTuple):
    """What came of an item, and why as a word of ours or TikTok's code."""

    state: ItemState
    code: str | None = None


def settle_items(runtime: Runtime, job_id: str) -> int:
    """Write down what came of the items that were sent; return of how many something did."""
    found = _results(job_id, runtime.clock())
    if not found:
        return 0
    settled = 0
    with writing() as session:
        job = lock_job(session, job_id)
        if job is None:
            return 0
        for ending, ids in found.items():
            done: Any = session.execute(
                update(BulkItem)
                .where(BulkItem.id.in_(ids), BulkItem.state == ItemState.SENT.value)
                .values(state=ending.state.value, code=ending.code, ended_at=runtime.clock())
            )
            # Progress is what these statements have changed, whoever else was at it.
            setattr(job, ending.state.value, getattr(job, ending.state.value) + done.rowcount)
            settled += done.rowcount
    return settled


def end_job(runtime: Runtime, job_id: str) -> bool:
    """End a job of which nothing is left to do; tell whether."""
    with reading() as session:
        # Looked at first without a lock: most of the time there is something left.
        job = session.get(BulkJob, job_id)
        waits = job is not None and job.stopped_at is None
        if bulk.has_items(session, job_id, ItemState.SENT) or (
            waits and bulk.has_items(session, job_id, ItemState.WAITING)
        ):
            return False
    with writing() as session:
        job = lock_job(session, job_id)
        return job is not None and bulk.end_if_done(session, runtime, job)


def remove_old_items(runtime: Runtime) -> int:
    """Remove some items of jobs that are over for long; return how many."""
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


def _results(job_id: str, now: datetime) -> Mapping[ItemResult, list[int]]:
    columns = (User.status, User.version, User.failures, User.claim, User.next_at)
    with reading() as session:
        act = session.scalar(select(BulkJob.act).where(BulkJob.id == job_id))
        rows = session.execute(
            select(
                BulkItem.id,
                BulkItem.version.label("noted_version"),
                BulkItem.failures.label("noted_failures"),
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
        ending = _of_disconnect(row) if act == "disconnect" else _of_refresh(row, now)
        if ending is not None:
            found.setdefault(ending, []).append(row.id)
    return found


def _of_refresh(row: Any, now: datetime) -> ItemResult | None:
    """Return what came of a refresh; None: nothing yet."""
    if row.status is None:
        return ItemResult(ItemState.SKIPPED, "gone")
    if row.status in (Status.REVOKING, Status.REVOKED):
        return ItemResult(ItemState.SKIPPED, "disconnected")
    if row.status == Status.RECONNECT:
        asked = row.reason in (Reason.REFUSED, Reason.INTERRUPTED)
        return ItemResult(
            ItemState.FAILED, row.last_error if asked and row.last_error else row.reason
        )
    if row.version > row.noted_version:
        return ItemResult(ItemState.DONE)
    put_off = (
        row.claim is None and row.last_error in _DEFERRED and row.next_at > now + _DEFERRED_FOR
    )
    if put_off or row.failures > row.noted_failures:
        return ItemResult(ItemState.FAILED, row.last_error)
    return None


def _of_disconnect(row: Any) -> ItemResult | None:
    """Return what came of a disconnect; None: nothing yet."""
    if row.status is None:
        return ItemResult(ItemState.SKIPPED, "gone")
    if row.status == Status.REVOKED:
        # Forgotten here; the code tells that TikTok did not confirm its half.
        return ItemResult(ItemState.DONE, row.last_error)
    if row.status != Status.REVOKING:
        return ItemResult(ItemState.SKIPPED, "connected_again")
    if row.failures > row.noted_failures:
        return ItemResult(ItemState.FAILED, row.last_error)
    return None


log = structlog.get_logger(__name__)

STEP_EVERY = 1.0
#: So many seconds' worth of refreshes are with the worker at most.
SECONDS_AHEAD = 5.0


class BulkWork:
    """One worker's looks at the jobs."""

    def __init__(self, runtime: Runtime) -> None:
        """Begin with a look at once."""
        self._runtime = runtime
        self._next_at = 0.0

    def take(self, permit: Permit) -> None:
        """Bring the jobs on, at most once a second; while the breaker is open nothing is sent.

        Never raises: whatever is wrong with a job, connections are kept fresh all the same.
        """
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + STEP_EVERY
        try:
            _step(self._runtime, 0.0 if permit.reason is not None else permit.pace)
        except Exception as error:  # noqa: BLE001  refreshing must not stop with it
            log.warning("bulk_failed", error=type(error).__name__)


def _step(runtime: Runtime, pace: float) -> None:
    """Bring every job one step on. `pace`: the part of REFRESH_RATE that is allowed; 0: send none.

    What may be sent is shared among the jobs, so that a small one does not wait for a big one.
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
    """Tell whether any job is not over."""
    return bool(_open_jobs(runtime))


def _open_jobs(runtime: Runtime) -> list[str]:
    with reading() as session:
        return list(
            session.scalars(
                select(BulkJob.id)
                .where(BulkJob.client_key == runtime.settings.tiktok_client_key)
                .where(BulkJob.ended_at.is_(None))
                .order_by(BulkJob.created_at, BulkJob.id)
            )
        )


def _room(runtime: Runtime, pace: float) -> int:
    """Return how many more may be with the worker."""
    with reading() as session:
        sent = session.scalar(
            select(func.count())
            .select_from(BulkItem)
            .join(BulkJob, BulkJob.id == BulkItem.job_id)
            .where(BulkJob.ended_at.is_(None), BulkItem.state == ItemState.SENT.value)
            .where(BulkJob.client_key == runtime.settings.tiktok_client_key)
        )
    return max(1, int(SECONDS_AHEAD * runtime.settings.refresh_rate * pace)) - (sent or 0)
