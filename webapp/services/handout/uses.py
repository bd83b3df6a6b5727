"""Records which service received whose token, at most once an hour."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from webapp.actor import acting_as, current_actor
from webapp.database import upsert, writing
from webapp.models import ServiceKey, ServiceUse, User
from webapp.services import authority
from webapp.services.records import audit, history
from webapp.services.refresh.on_demand import RECORD_USE_EVERY

#: At most one audit event per service and connection in this time; `ServiceUse` has the hour.
AUDIT_EVERY = timedelta(hours=24)
# Built once, because building them takes longer than running them.
_OF_PERSON = (
    select(ServiceKey.name, ServiceUse.first_at, ServiceUse.last_at, ServiceKey.revoked_at)
    .join(ServiceKey, ServiceKey.id == ServiceUse.key_id)
    .where(ServiceUse.user_id == bindparam("the_id"))
    .order_by(ServiceUse.last_at.desc(), ServiceKey.name)
)


class HandedOut(Protocol):
    """The columns that say which service receives whose token."""

    #: Of the person.
    id: int
    ticket: str
    #: Of the key.
    key_id: str
    key_name: str
    #: When a hand-out of this connection to this key was last recorded; None: never.
    handed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Use:
    """A service that received a connection's token."""

    name: str
    first_at: datetime
    last_at: datetime
    revoked: bool


def record_use(row: HandedOut, now: datetime) -> bool:
    """Record that this service received this connection's token, at most once an hour.

    Once a day, it is also recorded in the audit and in the row's history, in the same transaction.
    Return True if it wrote to the database, which may have taken time. Raises NoLongerAllowed.
    """
    if row.handed_at is not None and now - row.handed_at < RECORD_USE_EVERY:
        return False
    with writing() as session:
        if not _lock_person(session, row):
            return True
        authority.require(session)
        if not _upsert_use(session, row, now):
            # A concurrent hand-out has just recorded it.
            return True
        audited = row.handed_at is None or now - row.handed_at >= AUDIT_EVERY
        service = replace(current_actor(), kind="service", name=row.key_name)
        line = history.format_entry(now, "handed_out", service, None, "", "") if audited else ""
        session.execute(
            update(User)
            .where(User.id == row.id, User.ticket == row.ticket)
            .values(last_used_at=now, **({"history": history.prepend(line)} if audited else {}))
        )
        if audited:
            with acting_as(service):
                audit.record(
                    session, now, "connection.handed_out", on=row.ticket, service=row.key_name
                )
    return True


def uses_of(session: Session, user_id: int) -> list[Use]:
    """Return the services that received this connection's token, the latest first."""
    rows = session.connection().execute(_OF_PERSON, {"the_id": user_id})
    return [_use(row) for row in rows]


def _use(row: Any) -> Use:
    return Use(row.name, row.first_at, row.last_at, row.revoked_at is not None)


def _lock_person(session: Session, row: HandedOut) -> bool:
    """Lock the person's row first, in the same order as a deletion. Return False if deleted."""
    query = select(User.id).where(User.id == row.id, User.ticket == row.ticket)
    return session.scalar(query.with_for_update(key_share=True)) is not None


def _upsert_use(session: Session, row: HandedOut, now: datetime) -> bool:
    """Record the use. Return False if another hand-out has done so within the hour."""
    values = {"user_id": row.id, "key_id": row.key_id, "first_at": now, "last_at": now}
    statement = upsert(
        session.get_bind().dialect,
        ServiceUse,
        [values],
        key=["user_id", "key_id"],
        changes=lambda _new: {"last_at": now},
        where=ServiceUse.last_at <= now - RECORD_USE_EVERY,
    )
    written = session.execute(statement.returning(ServiceUse.user_id))
    return written.first() is not None
