"""Which service was handed whose access, written down at most hourly; hands nothing out itself."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.actor import acting_as, current_actor
from webapp.database import upsert, writing
from webapp.models import ServiceKey, ServiceUse, User
from webapp.services import authority
from webapp.services.records import audit, history
from webapp.services.refresh.on_demand import RECORD_USE_EVERY

#: A service that asks all day is told of once a day; `ServiceUse` knows the hour.
AUDIT_EVERY = timedelta(hours=24)


class HandedOut(Protocol):
    """What of a hand-out says who got whose access, and when they last got it."""

    #: The person's.
    id: int
    ticket: str
    #: The key's.
    key_id: str
    key_name: str
    #: When this key was last noted to be handed this connection; None: never.
    handed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Use:
    """One service that was handed one connection."""

    name: str
    first_at: datetime
    last_at: datetime
    revoked: bool


def record_use(row: HandedOut, now: datetime) -> bool:
    """Write down that this key was handed this connection, at most hourly, in one transaction.

    The first time in a day it is told in the audit and in the row's history as well. Return whether
    anything was to be written down. Raises NoLongerAllowed.
    """
    if row.handed_at is not None and now - row.handed_at < RECORD_USE_EVERY:
        return False
    with writing() as session:
        if not _is_there(session, row):
            return True
        authority.require(session)
        if not _claim_audit(session, row, now):
            # Another thread was handed it in this very moment, and writes it down.
            return True
        told = row.handed_at is None or now - row.handed_at >= AUDIT_EVERY
        service = replace(current_actor(), kind="service", name=row.key_name)
        line = history.format_entry(now, "handed_out", service, None, "", "") if told else ""
        session.execute(
            update(User)
            .where(User.id == row.id, User.ticket == row.ticket)
            .values(last_used_at=now, **({"history": history.prepend(line)} if told else {}))
            .execution_options(synchronize_session=False)
        )
        if told:
            with acting_as(service):
                audit.record(
                    session, now, "connection.handed_out", on=row.ticket, service=row.key_name
                )
    return True


def uses_of(session: Session, user_id: int, most: int | None = None) -> list[Use]:
    """Return the services that this connection was handed to, the latest first."""
    rows = session.execute(
        select(ServiceKey.name, ServiceUse.first_at, ServiceUse.last_at, ServiceKey.revoked_at)
        .join(ServiceKey, ServiceKey.id == ServiceUse.key_id)
        .where(ServiceUse.user_id == user_id)
        .order_by(ServiceUse.last_at.desc(), ServiceKey.name)
        .limit(most)
    )
    return [Use(name, first, last, gone is not None) for name, first, last, gone in rows]


def _is_there(session: Session, row: HandedOut) -> bool:
    """Hold the person's row before any that goes with it, as a deletion does; False: deleted."""
    there = select(User.id).where(User.id == row.id, User.ticket == row.ticket)
    return session.scalar(there.with_for_update(key_share=True)) is not None


def _claim_audit(session: Session, row: HandedOut, now: datetime) -> bool:
    """Write the use, unless somebody did within the hour; one of those who try at once gets it."""
    values = {"user_id": row.id, "key_id": row.key_id, "first_at": now, "last_at": now}
    statement = upsert(
        session.get_bind().dialect,
        ServiceUse,
        [values],
        key=["user_id", "key_id"],
        changes=lambda _new: {"last_at": now},
        where=ServiceUse.last_at <= now - RECORD_USE_EVERY,
    )
    written = session.execute(
        statement.returning(ServiceUse.user_id),
        execution_options={"synchronize_session": False},
    )
    return written.first() is not None
