"""What is due, read from the rows alone, so a dead worker shows as a growing lag."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from webapp.database import reading
from webapp.models import Status, User
from webapp.services.runtime import Runtime


def earliest_due(runtime: Runtime) -> datetime | None:
    """Return when the next connection is due; None if none ever is.

    A claimed connection is due at the end of its lease, in case its worker died.
    """
    with reading() as session:
        # Not min(): with the index, this reads one row and stops.
        return session.scalar(
            select(User.next_at)
            .where(User.next_at.is_not(None))
            .where(User.client_key == runtime.client_key)
            .order_by(User.next_at)
            .limit(1)
        )


def is_due(runtime: Runtime, now: datetime) -> bool:
    """Return True if anything is due now."""
    due = earliest_due(runtime)
    return due is not None and due <= now


def lag(runtime: Runtime, now: datetime) -> float:
    """Return how many seconds the worker is behind; 0 if nothing is overdue."""
    due = earliest_due(runtime)
    return max(0.0, (now - due).total_seconds()) if due is not None else 0.0


def overdue(runtime: Runtime, now: datetime) -> int:
    """Return how many connections are due."""
    query = select(func.count()).where(User.next_at <= now, User.client_key == runtime.client_key)
    with reading() as session:
        return session.scalar(query) or 0


def without_access(runtime: Runtime, now: datetime, limit: int) -> int:
    """Return how many connections have lost their access because their refreshes fail.

    Counts no further than `limit`.
    """
    return _count(
        runtime, limit, User.status == Status.FAILING.value, User.access_expires_at <= now
    )


def working(runtime: Runtime, limit: int) -> int:
    """Return how many connections were refreshed without a failure, counted up to `limit`."""
    return _count(runtime, limit, User.status == Status.ACTIVE.value)


def _count(runtime: Runtime, limit: int, *conditions: ColumnElement[bool]) -> int:
    # Both have no reason, so the database reads one range of an index of the operators' list.
    ours = (User.client_key == runtime.client_key, User.reason.is_(None))
    found = select(User.id).where(*ours, *conditions).limit(limit).subquery()
    with reading() as session:
        return session.scalar(select(func.count()).select_from(found)) or 0
