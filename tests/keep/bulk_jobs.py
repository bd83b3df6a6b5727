"""Orders work on many connections and brings it to its end by hand; holds no test."""

from typing import Any

from sqlalchemy import select

from tests.keep.world import World
from webapp.database import reading
from webapp.models import AuditEvent, BulkItem, BulkJob
from webapp.services.operators import bulk, bulk_work

JOB = "made-up-job-1"


def order(world: World, act: str, *open_ids: str, job_id: str = JOB, query: str = "") -> str:
    """Order an act on these people, or on all that match; return the job's id."""
    bulk.create_job(world.runtime, job_id, act, query, open_ids or None)
    return job_id


def look(world: World, times: int = 1) -> None:
    """Let a worker look at the jobs."""
    for _time in range(times):
        bulk_work._step(world.runtime, 1.0)


def job(job_id: str = JOB) -> BulkJob:
    """Return a job as it is now, detached."""
    with reading() as session:
        return session.get_one(BulkJob, job_id)


def counts(job_id: str = JOB) -> tuple[int, int, int, int]:
    """Return a job's total, done, failed and skipped."""
    found = job(job_id)
    return found.total, found.done, found.failed, found.skipped


def items(job_id: str = JOB) -> list[tuple[str, str | None]]:
    """Return state and code of a job's items, in order."""
    with reading() as session:
        found = session.execute(
            select(BulkItem.state, BulkItem.code)
            .where(BulkItem.job_id == job_id)
            .order_by(BulkItem.id)
        )
        return [(state, code) for state, code in found]


def events(begin: str = "bulk.") -> list[tuple[str, Any]]:
    """Return the audit's events whose names begin so, with their fields as text."""
    with reading() as session:
        found = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [(each.event, each.fields) for each in found if each.event.startswith(begin)]
