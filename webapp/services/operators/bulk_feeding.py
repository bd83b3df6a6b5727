"""Gives a job's rows to the worker a few seconds' worth at a time: it makes them due; calls nobody.

The row is the queue. Each row is sent once: if it is still due after a restart, the queue has it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import BulkItem, BulkJob, ItemState, User
from webapp.services.connect import disconnect
from webapp.services.house import House
from webapp.services.operators import bulk_matching, bulk_orders

#: Rows that one step of gathering adds.
STEP = 2000


def hold(session: Session, job_id: str) -> BulkJob | None:
    """Return a job that is not over, ours until the transaction ends; None if another has it."""
    return session.scalar(
        select(BulkJob)
        .where(BulkJob.id == job_id, BulkJob.ended_at.is_(None))
        .with_for_update(skip_locked=True)
    )


def gather(house: House, job_id: str) -> bool:
    """Add the next rows that match to a job; tell whether it had any left to gather.

    They match as at the time of the order: whoever connects after it is not meant.
    """
    with reading() as session:
        seen = session.get(BulkJob, job_id)
    if seen is None or seen.gathered_to is None:
        return False
    found = bulk_matching.following(house, seen.query, seen.created_at, seen.gathered_to, STEP)
    with writing() as session:
        job = hold(session, job_id)
        # Another worker may have added the same rows meanwhile, or somebody has pressed Stop.
        if job is not None and job.gathered_to == seen.gathered_to:
            job.total += bulk_orders.add(session, job.id, found)
            job.gathered_to = found[-1][0] if len(found) == STEP else None
    return True


def feed(house: House, job_id: str, most: int) -> int:
    """Send up to `most` waiting items of a job; return how many were sent or skipped."""
    with reading() as session:
        # No write lock is taken every second for a job that only waits for answers.
        if most <= 0 or not bulk_orders.has(session, job_id, ItemState.WAITING):
            return 0
    with writing(durable=True) as session:
        job = hold(session, job_id)
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
        now = house.clock()
        changes = [
            {"id": i.id, **_sent(session, job, rows[i.user_id], i.ticket, now)} for i in seen
        ]
        job.skipped += sum(change["state"] == ItemState.SKIPPED.value for change in changes)
        if changes:
            session.execute(update(BulkItem), changes)
    return len(changes)


def _sent(
    session: Session, job: BulkJob, user: User | None, ticket: str, now: datetime
) -> dict[str, Any]:
    """Make a row due, or find nothing to do for it; return the columns of its item."""
    ours = user if user is not None and user.ticket == ticket else None
    code = _reason_to_skip(job, ours)
    if ours is None or code is not None:
        skipped = {"state": ItemState.SKIPPED.value, "code": code, "ended_at": now}
        return skipped | {"version": None, "failures": None, "sent_at": None}
    if job.act == "disconnect":
        disconnect.mark_revoking(session, ours, now, told_at=now)
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
    return bulk_matching.reason_to_skip(job.act, user.status, holds=holds)


def _rows(session: Session, ids: Sequence[int]) -> dict[int, User | None]:
    """Return the rows, ours until the transaction ends; None where there is none any more.

    A row that somebody else is writing in this moment is left out, for the next time.
    """
    locked = session.scalars(select(User).where(User.id.in_(ids)).with_for_update(skip_locked=True))
    found: dict[int, User | None] = {user.id: user for user in locked}
    there = set(session.scalars(select(User.id).where(User.id.in_(ids))))
    return found | {one: None for one in ids if one not in there}
