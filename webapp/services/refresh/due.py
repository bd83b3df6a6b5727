"""How far behind the worker is, read from the rows alone: a dead worker shows as a growing lag."""

from datetime import datetime

from sqlalchemy import func, select

from webapp.database import reading
from webapp.models import User
from webapp.services.runtime import Runtime


def earliest_due(runtime: Runtime) -> datetime | None:
    """Return when the next connection is to be acted on; None if none ever is.

    A claimed one counts by the end of its lease, so that one whose worker died is not forgotten.
    """
    with reading() as session:
        # Not min(): the index gives the first row and stops, whatever else is asked of it.
        return session.scalar(
            select(User.next_at)
            .where(User.next_at.is_not(None))
            .where(User.client_key == runtime.settings.tiktok_client_key)
            .order_by(User.next_at)
            .limit(1)
        )


def is_due(runtime: Runtime, now: datetime) -> bool:
    """Tell whether anything is to be acted on now."""
    due = earliest_due(runtime)
    return due is not None and due <= now


def lag(runtime: Runtime, now: datetime) -> float:
    """Return by how many seconds the worker is late; 0 when nothing is overdue."""
    due = earliest_due(runtime)
    return max(0.0, (now - due).total_seconds()) if due is not None else 0.0


def overdue(runtime: Runtime, now: datetime) -> int:
    """Return how many connections are due."""
    with reading() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(User)
                .where(User.next_at <= now)
                .where(User.client_key == runtime.settings.tiktok_client_key)
            )
            or 0
        )
