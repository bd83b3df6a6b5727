"""Removes audit events that are older than AUDIT_DAYS; nobody else removes any."""

import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import writing
from webapp.models import AuditEvent
from webapp.services.house import House

log = structlog.get_logger(__name__)

#: Rows of one transaction: short, so that refreshes wait for milliseconds.
BATCH = 1000
SWEEP_EVERY = 3600.0


def remove_old(house: House, now: datetime) -> int:
    """Remove the oldest events whose time is over, at most a batch; return how many."""
    over = now - timedelta(days=house.settings.audit_days)
    oldest = select(AuditEvent.id).where(AuditEvent.at < over).order_by(AuditEvent.at).limit(BATCH)
    with writing() as session:
        done: Any = session.execute(
            delete(AuditEvent)
            .where(AuditEvent.id.in_(oldest))
            .execution_options(synchronize_session=False)
        )
    return int(done.rowcount)


class Sweep:
    """Removes old events once an hour, a batch at each step so that nothing waits for it long."""

    def __init__(self, house: House) -> None:
        """Take the house; the first step sweeps."""
        self._house = house
        self._next_at = time.monotonic()

    def step(self) -> None:
        """Remove a batch if it is time, or if the last one was a whole batch."""
        passed = time.monotonic()
        if passed < self._next_at:
            return
        try:
            removed = remove_old(self._house, self._house.clock())
        except SQLAlchemyError as error:
            log.warning("sweep_failed", error=type(error).__name__)
            removed = 0
        if removed < BATCH:
            self._next_at = passed + SWEEP_EVERY
