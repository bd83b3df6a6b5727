"""The worker's part in work on many connections: once a second it gathers, feeds and settles.

A job never calls TikTok: it makes rows due, and the worker refreshes or revokes them like any
other. What is due for its own sake waits a few seconds longer at most.
"""

import time

import structlog
from sqlalchemy import func, select

from webapp.database import reading
from webapp.models import BulkItem, BulkJob, ItemState
from webapp.services.house import House
from webapp.services.operators import bulk_feeding, bulk_settling
from webapp.services.refresh.breaker import Permit

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
#: So many seconds' worth of refreshes are with the worker at most.
AHEAD = 5.0


class Turns:
    """One worker's looks at the jobs."""

    def __init__(self, house: House) -> None:
        """Begin with a look at once."""
        self._house = house
        self._next_at = 0.0

    def take(self, permit: Permit) -> None:
        """Bring the jobs on, at most once a second; while the breaker is open nothing is sent.

        Never raises: whatever is wrong with a job, connections are kept fresh all the same.
        """
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + LOOK_EVERY
        try:
            look(self._house, 0.0 if permit.reason is not None else permit.pace)
        except Exception as error:  # noqa: BLE001  refreshing must not stop with it
            log.warning("bulk_failed", error=type(error).__name__)


def look(house: House, pace: float) -> None:
    """Bring every job one step on. `pace`: the part of REFRESH_RATE that is allowed; 0: send none.

    What may be sent is shared among the jobs, so that a small one does not wait for a big one.
    """
    jobs = _open_jobs(house)
    for job_id in jobs:
        bulk_settling.settle(house, job_id)
        bulk_feeding.gather(house, job_id)
    room = _room(house, pace) if jobs and pace > 0 else 0
    for index, job_id in enumerate(jobs):
        others = len(jobs) - index
        room -= bulk_feeding.feed(house, job_id, -(-room // others))
        bulk_settling.end(house, job_id)


def is_open(house: House) -> bool:
    """Tell whether any job is not over."""
    return bool(_open_jobs(house))


def _open_jobs(house: House) -> list[str]:
    with reading() as session:
        return list(
            session.scalars(
                select(BulkJob.id)
                .where(BulkJob.client_key == house.settings.tiktok_client_key)
                .where(BulkJob.ended_at.is_(None))
                .order_by(BulkJob.created_at, BulkJob.id)
            )
        )


def _room(house: House, pace: float) -> int:
    """Return how many more may be with the worker."""
    with reading() as session:
        sent = session.scalar(
            select(func.count())
            .select_from(BulkItem)
            .join(BulkJob, BulkJob.id == BulkItem.job_id)
            .where(BulkJob.ended_at.is_(None), BulkItem.state == ItemState.SENT.value)
            .where(BulkJob.client_key == house.settings.tiktok_client_key)
        )
    return max(1, int(AHEAD * house.settings.refresh_rate * pace)) - (sent or 0)
