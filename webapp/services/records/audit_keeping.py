"""Removes audit events that are older than AUDIT_DAYS; nobody else removes any."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from webapp.database import writing
from webapp.models import AuditEvent
from webapp.services.house import House

#: Rows of one transaction: short, so that refreshes wait for milliseconds.
BATCH = 1000


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
