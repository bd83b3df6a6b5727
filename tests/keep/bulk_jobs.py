"""Orders work on many connections and brings it to its end by hand; holds no test."""

from typing import Any

from sqlalchemy import select

from tests.keep.world import World
from webapp.database import reading
from webapp.models import AuditEvent, BulkItem, BulkJob, Status
from webapp.services.operators import bulk_order, bulk_work
from webapp.services.operators.bulk_order import Confirmed, Selection
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import Claim
from webapp.services.worker.worker import Worker

JOB = "made-up-job-1"


def order(
    world: World,
    act: str,
    *open_ids: str,
    job_id: str = JOB,
    query: str = "",
    confirmed: Confirmed | None = None,
) -> str:
    """Order an act on these people, or on all that match; return the job's id."""
    selection = Selection(query, open_ids or None)
    bulk_order.create_job(world.runtime, job_id, act, selection, confirmed or Confirmed())
    return job_id


def look(world: World) -> list[str]:
    """Let a worker look at the jobs; return those with something left to claim."""
    return bulk_work.step(world.runtime)


def claim(world: World, most: int = 256) -> list[Claim]:
    """Claim what the jobs want, as a worker does."""
    work = bulk_work.BulkWork(world.runtime)
    work.step()
    return work.claim(most)


def send(world: World, claims: list[Claim]) -> None:
    """Make the calls of these claims, one after another, and store their answers."""
    caller = Worker(world.runtime, world.app.app_context)
    for each in claims:
        if each.user.status == Status.REVOKING:
            caller._revoke(each)
        else:
            store_answers(world.runtime, [attempt(world.runtime, each)])


def work(world: World, most: int = 256) -> int:
    """Do what the jobs want, once, and store the results; return how many were claimed."""
    claims = claim(world, most)
    send(world, claims)
    look(world)
    return len(claims)


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
