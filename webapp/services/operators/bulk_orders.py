"""Ordering work on many connections, and stopping it: a job and its items; does none of it."""

import re
from collections.abc import Sequence

from sqlalchemy import exists, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import acting
from webapp.database import writing
from webapp.models import BulkItem, BulkJob, ItemState, User
from webapp.services import authority
from webapp.services.house import House
from webapp.services.operators import bulk_matching
from webapp.services.records import audit

ACTS = ("refresh", "disconnect")
#: What a confirmation page makes up as the id of its job.
_ID = re.compile(r"[A-Za-z0-9_-]{12,32}")


class NotAJob(Exception):
    """The id is none that a confirmation page makes."""


def order_picked(house: House, job_id: str, act: str, query: str, open_ids: Sequence[str]) -> None:
    """Order an act on these connections; nothing more if this id was ordered already.

    `query`: the filters of the list they were picked from. Raises NotAJob, NoLongerAllowed.
    """
    _order(house, job_id, act, query, open_ids)


def order_all(house: House, job_id: str, act: str, query: str, count: int) -> None:
    """Order an act on all that match; the worker gathers them.

    `count`: how many did as it was confirmed, for the audit. Raises NotAJob, NoLongerAllowed.
    """
    _order(house, job_id, act, query, None, count)


def _order(
    house: House, job_id: str, act: str, query: str, open_ids: Sequence[str] | None, count: int = 0
) -> None:
    if not _ID.fullmatch(job_id) or act not in ACTS:
        raise NotAJob
    now, by = house.clock(), acting.now()
    job = BulkJob(
        id=job_id,
        client_key=house.settings.tiktok_client_key,
        act=act,
        actor=by.name,
        address=by.address,
        query=query,
        created_at=now,
        gathered_to=0 if open_ids is None else None,
        total=0,
    )
    try:
        with writing() as session:
            authority.require(session)
            session.add(job)
            # A second press of the button ends here, before anything else is written.
            session.flush()
            if open_ids is not None:
                count = job.total = add(session, job_id, _picked(session, house, open_ids))
            audit.record(
                session, now, "bulk.ordered", job=job_id, act=act, count=count, query=query
            )
    except IntegrityError:
        return


def _picked(session: Session, house: House, open_ids: Sequence[str]) -> list[tuple[int, str]]:
    which = bulk_matching.picked(house, open_ids)
    rows = session.execute(select(User.id, User.ticket).where(*which).order_by(User.id))
    return [(user_id, ticket) for user_id, ticket in rows]


def add(session: Session, job_id: str, rows: Sequence[tuple[int, str]]) -> int:
    """Add these rows, by id and ticket, in the caller's transaction; return how many."""
    if rows:
        items = [{"job_id": job_id, "user_id": one, "ticket": ticket} for one, ticket in rows]
        session.execute(insert(BulkItem), items)
    return len(rows)


def stop(house: House, job_id: str) -> bool:
    """Let nothing more be sent; what was sent is finished. False: there is no such job.

    A job that is stopped or over stays as it is. Raises NoLongerAllowed.
    """
    now = house.clock()
    with writing() as session:
        authority.require(session)
        job = session.get(BulkJob, job_id, with_for_update=True)
        if job is None or job.client_key != house.settings.tiktok_client_key:
            return False
        if job.ended_at is None and job.stopped_at is None:
            job.stopped_at, job.gathered_to = now, None
            audit.record(session, now, "bulk.stopped", job=job_id)
            end_if_over(session, house, job)
    return True


def end_if_over(session: Session, house: House, job: BulkJob) -> bool:
    """End a job of which nothing is left to do, in the caller's transaction; tell whether."""
    left = [ItemState.SENT] if job.stopped_at else [ItemState.SENT, ItemState.WAITING]
    if job.gathered_to is not None or any(has(session, job.id, state) for state in left):
        return False
    job.ended_at = house.clock()
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


def has(session: Session, job_id: str, state: ItemState) -> bool:
    """Tell whether a job has items in this state."""
    one = exists().where(BulkItem.job_id == job_id, BulkItem.state == state.value)
    return bool(session.scalar(select(one)))
