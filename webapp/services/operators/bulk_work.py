"""The worker's part of bulk jobs: it claims their connections itself, and stores their results.

A connection of a job is claimed in the transaction that marks its item as sent, and only while the
job is not stopped. So nothing waits in between: whatever is not under way when an operator presses
Stop is never sent. Once claimed, it is refreshed or revoked like any other connection, and a claim
survives a restart. Other due connections come first in three of four polls.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import and_, delete, exists, select, update
from sqlalchemy.orm import Session

from webapp.actor import Actor, acting_as
from webapp.database import reading, writing
from webapp.models import BulkItem, BulkJob, ItemState, Reason, Status, User
from webapp.services.connect import disconnect
from webapp.services.operators import bulk, bulk_order, list_query
from webapp.services.refresh import claims
from webapp.services.refresh.claims import Claim
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

STEP_EVERY = 1.0
#: Items that one poll looks at in each job, to skip those with nothing to do.
_LOOKED_AT = 64
#: How long the items of an ended job are kept, and how many are removed at a time.
KEEP_ITEMS = timedelta(days=30)
_REMOVED_AT_ONCE = 5000
#: These postpone a row for 15 minutes without counting as a failure (refresh.verdicts).
_POSTPONED = ("cannot_open", "other_open_id")
#: Longer than a row waits that has not been tried yet: 30 s while the breaker is open.
_POSTPONED_FOR = timedelta(seconds=60)


#: The column of a job that counts a result.
_COUNTED_AS = {
    ItemState.DONE: "done",
    ItemState.UNCONFIRMED: "failed",
    ItemState.FAILED: "failed",
    ItemState.SKIPPED: "skipped",
}


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
        #: Jobs with connections that nobody has claimed, as of the last step.
        self._waiting: list[str] = []

    @property
    def is_waiting(self) -> bool:
        """Return True if connections may be left to claim."""
        return bool(self._waiting)

    def step(self) -> None:
        """Store results, end jobs and find new ones, at most once a second.

        Raises nothing: whatever is wrong with a job, connections are still refreshed.
        """
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + STEP_EVERY
        try:
            self._waiting = step(self._runtime)
        except Exception as error:  # noqa: BLE001  refreshing must not stop with it
            self._waiting = []
            log.warning("bulk_step_failed", error=type(error).__name__)

    def claim(self, limit: int) -> list[Claim]:
        """Claim up to `limit` connections of the jobs, which share them. Raises nothing."""
        claimed: list[Claim] = []
        # Another job comes first each time, so a small one doesn't wait for a big one.
        self._waiting = self._waiting[1:] + self._waiting[:1]
        for index, job_id in enumerate(self._waiting):
            share = -(-(limit - len(claimed)) // (len(self._waiting) - index))
            if share <= 0:
                break
            try:
                claimed += claim_items(self._runtime, job_id, share)
            except Exception as error:  # noqa: BLE001  refreshing must not stop with it
                log.warning("bulk_claim_failed", error=type(error).__name__)
        return claimed


def step(runtime: Runtime) -> list[str]:
    """Store the results of all jobs and end those that are done.

    Return those with connections that nobody has claimed.
    """
    jobs = _open_jobs(runtime)
    for job_id in jobs:
        stop_half_collected(runtime, job_id)
        settle_items(runtime, job_id)
        end_job(runtime, job_id)
    return _waiting(runtime) if jobs else []


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


def _waiting(runtime: Runtime) -> list[str]:
    items = BulkItem.job_id == BulkJob.id, BulkItem.state == ItemState.WAITING.value
    with reading() as session:
        return list(
            session.scalars(
                select(BulkJob.id)
                .where(BulkJob.client_key == runtime.client_key, BulkJob.ended_at.is_(None))
                .where(BulkJob.stopped_at.is_(None), exists().where(*items))
                .order_by(BulkJob.created_at, BulkJob.id)
            )
        )


def lock_job(session: Session, job_id: str) -> BulkJob | None:
    """Return a job that has not ended, locked; None if another worker has locked it."""
    return session.scalar(
        select(BulkJob)
        .where(BulkJob.id == job_id, BulkJob.ended_at.is_(None))
        .with_for_update(skip_locked=True)
    )


def stop_half_collected(runtime: Runtime, job_id: str) -> None:
    """Stop a job whose connections an older release was still collecting.

    The operator who confirmed it never saw which those would be.
    """
    with reading() as session:
        seen = session.get(BulkJob, job_id)
    if seen is None or seen.gathered_to is None:
        return
    with writing() as session:
        job = lock_job(session, job_id)
        if job is not None and job.gathered_to is not None:
            job.gathered_to = None
            job.stopped_at = job.stopped_at or runtime.clock()
            # It has what was searched for, which may name a person.
            job.query = list_query.without_search(job.query)


def claim_items(runtime: Runtime, job_id: str, limit: int) -> list[Claim]:
    """Claim up to `limit` waiting items of a job; skip those with nothing to do."""
    with writing(durable=True) as session:
        job = lock_job(session, job_id)
        if limit <= 0 or job is None or job.stopped_at is not None:
            return []
        items = session.execute(
            select(BulkItem.id, BulkItem.user_id, BulkItem.ticket)
            .where(BulkItem.job_id == job_id, BulkItem.state == ItemState.WAITING.value)
            .order_by(BulkItem.id)
            .limit(max(limit, _LOOKED_AT))
        ).all()
        rows = _lock_rows(session, [item.user_id for item in items])
        now = runtime.clock()
        changes: list[dict[str, Any]] = []
        wanted: dict[int, User] = {}
        for item in items:
            if item.user_id not in rows:
                continue
            row = rows[item.user_id]
            row = row if row is not None and row.ticket == item.ticket else None
            code = _reason_to_skip(job, row)
            if row is None or code is not None:
                changes.append(_skipped(item.id, code, now))
            elif len(wanted) < limit:
                wanted[item.id] = row
        job.skipped += len(changes)
        claimed = _claim(session, runtime, job, list(wanted.values()), now)
        # After that: a disconnect has another version from then on.
        changes += [_sent(item_id, row, now) for item_id, row in wanted.items()]
        if changes:
            session.flush()
            session.execute(update(BulkItem), changes)
    return claimed


def _claim(
    session: Session, runtime: Runtime, job: BulkJob, rows: Sequence[User], now: datetime
) -> list[Claim]:
    """Claim the rows of a job's items, which the caller's transaction has locked.

    A row that is being refreshed elsewhere isn't claimed: that refresh does the job's work.
    """
    by = Actor("worker", job.id)
    if job.act == "refresh":
        ids = [row.id for row in rows]
        return claims.claim_in(session, runtime, ids, now, by) if ids else []
    name = claims.new_name(runtime)
    with acting_as(by):
        for row in rows:
            disconnect.mark_revoking(session, row, now, now + claims.LEASE, claim=name)
    return claims.opened(runtime, rows, name, now)


def _skipped(item_id: int, code: str | None, now: datetime) -> dict[str, Any]:
    skipped = {"id": item_id, "state": ItemState.SKIPPED.value, "code": code, "ended_at": now}
    return skipped | {"version": None, "failures": None, "sent_at": None}


def _sent(item_id: int, row: User, now: datetime) -> dict[str, Any]:
    sent = {"id": item_id, "state": ItemState.SENT.value, "code": None, "ended_at": None}
    return sent | {"version": row.version, "failures": row.failures, "sent_at": now}


def _reason_to_skip(job: BulkJob, user: User | None) -> str | None:
    if user is None:
        return "gone"
    if job.act == "disconnect" and user.connected_at > job.created_at:
        # The connection that was to be ended has been replaced.
        return "connected_again"
    holds = (user.access_token if job.act == "disconnect" else user.refresh_token) is not None
    return bulk_order.reason_to_skip(job.act, user.status, holds=holds)


def _lock_rows(session: Session, ids: Sequence[int]) -> dict[int, User | None]:
    """Return the rows, locked; None for deleted ones.

    Rows that are locked by others are missing, and left for the next poll.
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
            column = _COUNTED_AS[result.state]
            setattr(job, column, getattr(job, column) + done.rowcount)
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
        confirmed = row.last_error is None
        return ItemResult(ItemState.DONE if confirmed else ItemState.UNCONFIRMED, row.last_error)
    if row.status != Status.REVOKING:
        return ItemResult(ItemState.SKIPPED, "connected_again")
    if row.failures > row.sent_failures:
        return ItemResult(ItemState.FAILED, row.last_error)
    return None
