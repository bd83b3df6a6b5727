"""Tells what has come of the rows that a job sent, by the rows alone; sends nothing itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, select, update

from webapp.database import reading, writing
from webapp.models import BulkItem, BulkJob, ItemState, Reason, Status, User
from webapp.services.house import House
from webapp.services.operators import bulk_orders
from webapp.services.operators.bulk_feeding import hold

#: How long the items of a job that is over are kept, and how many are removed at a time.
KEEP_ITEMS = timedelta(days=30)
_STEP = 5000
#: These put a row off for a quarter of an hour without a mark of failure (services.verdicts).
_PUT_OFF = ("cannot_open", "other_open_id")
#: Longer than any wait of a row that has not been tried yet: those of an open breaker are 30 s.
_LONG = timedelta(seconds=60)


class Ending(NamedTuple):
    """What came of an item, and why as a word of ours or TikTok's code."""

    state: ItemState
    code: str | None = None


def settle(house: House, job_id: str) -> int:
    """Write down what came of the items that were sent; return of how many something did."""
    found = _endings(job_id, house.clock())
    if not found:
        return 0
    settled = 0
    with writing() as session:
        job = hold(session, job_id)
        if job is None:
            return 0
        for ending, ids in found.items():
            done: Any = session.execute(
                update(BulkItem)
                .where(BulkItem.id.in_(ids), BulkItem.state == ItemState.SENT.value)
                .values(state=ending.state.value, code=ending.code, ended_at=house.clock())
            )
            # Progress is what these statements have changed, whoever else was at it.
            setattr(job, ending.state.value, getattr(job, ending.state.value) + done.rowcount)
            settled += done.rowcount
    return settled


def end(house: House, job_id: str) -> bool:
    """End a job of which nothing is left to do; tell whether."""
    with reading() as session:
        # Looked at first without a lock: most of the time there is something left.
        job = session.get(BulkJob, job_id)
        waits = job is not None and job.stopped_at is None
        if bulk_orders.has(session, job_id, ItemState.SENT) or (
            waits and bulk_orders.has(session, job_id, ItemState.WAITING)
        ):
            return False
    with writing() as session:
        job = hold(session, job_id)
        return job is not None and bulk_orders.end_if_over(session, house, job)


def sweep(house: House) -> int:
    """Remove some items of jobs that are over for long; return how many."""
    old = (
        select(BulkItem.id)
        .join(BulkJob, BulkJob.id == BulkItem.job_id)
        .where(BulkJob.ended_at < house.clock() - KEEP_ITEMS)
        .limit(_STEP)
    )
    with reading() as session:
        ids = session.scalars(old).all()
    if ids:
        with writing() as session:
            session.execute(delete(BulkItem).where(BulkItem.id.in_(ids)))
    return len(ids)


def _endings(job_id: str, now: datetime) -> Mapping[Ending, list[int]]:
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
    found: dict[Ending, list[int]] = {}
    for row in rows:
        ending = _of_disconnect(row) if act == "disconnect" else _of_refresh(row, now)
        if ending is not None:
            found.setdefault(ending, []).append(row.id)
    return found


def _of_refresh(row: Any, now: datetime) -> Ending | None:
    """Return what came of a refresh; None: nothing yet."""
    if row.status is None:
        return Ending(ItemState.SKIPPED, "gone")
    if row.status in (Status.REVOKING, Status.REVOKED):
        return Ending(ItemState.SKIPPED, "disconnected")
    if row.status == Status.RECONNECT:
        asked = row.reason in (Reason.REFUSED, Reason.INTERRUPTED)
        return Ending(ItemState.FAILED, row.last_error if asked and row.last_error else row.reason)
    if row.version > row.noted_version:
        return Ending(ItemState.DONE)
    put_off = row.claim is None and row.last_error in _PUT_OFF and row.next_at > now + _LONG
    if put_off or row.failures > row.noted_failures:
        return Ending(ItemState.FAILED, row.last_error)
    return None


def _of_disconnect(row: Any) -> Ending | None:
    """Return what came of a disconnect; None: nothing yet."""
    if row.status is None:
        return Ending(ItemState.SKIPPED, "gone")
    if row.status == Status.REVOKED:
        # Forgotten here; the code tells that TikTok did not confirm its half.
        return Ending(ItemState.DONE, row.last_error)
    if row.status != Status.REVOKING:
        return Ending(ItemState.SKIPPED, "connected_again")
    if row.failures > row.noted_failures:
        return Ending(ItemState.FAILED, row.last_error)
    return None
