"""Audit events: who did what, to whom, when and from where.

An event is added at the end of the transaction of the action it records, and never changed; each
is chained to the one before (`audit_chain`). It names a connection only by its ticket, so it
identifies nobody once their account is deleted. Events older than AUDIT_DAYS are removed.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.actor import Actor, current_actor
from webapp.database import reading, run_last, writing
from webapp.models import AuditEvent
from webapp.services.records import audit_chain
from webapp.services.runtime import Runtime

Field = str | int | bool | None


def _fields(names: str = "") -> frozenset[str]:
    return frozenset(names.split())


#: Every event, and exactly the fields that belong to it.
EVENTS: Mapping[str, frozenset[str]] = {
    #: kind: new · again · returned.
    "connection.connected": _fields("kind scopes"),
    #: cause: the code of the page that was shown. code: TikTok's error code, if there was one.
    "connection.not_made": _fields("cause code"),
    #: Someone requested it; the worker's own refreshes are only counted (services.records.figures).
    "connection.refreshed": _fields("version"),
    "connection.refresh_failed": _fields("verdict code"),
    "connection.reconnect_required": _fields("reason code"),
    #: TikTok reported that the person has removed the app there.
    "connection.deauthorized": _fields("reason"),
    "connection.disconnect_ordered": _fields(),
    #: confirmed: TikTok confirmed it. code: its error code otherwise.
    "connection.revoked": _fields("confirmed code"),
    "connection.deleted": _fields(),
    "connection.handed_out": _fields("service"),
    "connection.tested": _fields("works ms code"),
    "connections.exported": _fields("format query"),
    #: Their own data, as a file.
    "account.exported": _fields(),
    "account.signed_out_everywhere": _fields(),
    #: One browser, from the list of devices; the sign-out button of every page is not recorded.
    "account.signed_out_one": _fields(),
    "account.signed_out_others": _fields(),
    "operator.added": _fields(),
    "operator.removed": _fields(),
    "key.issued": _fields("key name"),
    "key.revoked": _fields("key name"),
    "bulk.ordered": _fields("job act count query"),
    "bulk.stopped": _fields("job"),
    "bulk.ended": _fields("job done failed skipped"),
    "breaker.opened": _fields("reason code"),
    "breaker.closed": _fields("reason code"),
    "breaker.probed": _fields(),
    "notice.retried": _fields("message"),
    "audit.exported": _fields("query"),
    "tokens.resealed": _fields("done closed"),
    "tokens.rescued": _fields("stored outdated"),
    "database.adopted": _fields(),
    "database.copied": _fields("rows"),
}


#: Where a session holds the events that are to be written before its commit.
_PENDING = "coatcheck_audit_events"


class WrongEvent(ValueError):
    """There is no such event, or these are not its fields."""


def record(
    session: Session, now: datetime, event: str, *, on: str | None = None, **fields: Field
) -> None:
    """Add an event to the caller's transaction; `on` is the ticket of the connection.

    It is written right before the commit: only one transaction at a time can extend the chain.
    Raises WrongEvent if the event is not in EVENTS or the fields are not exactly its own.
    """
    if event not in EVENTS or EVENTS[event] != fields.keys():
        raise WrongEvent(f"{event} with {', '.join(sorted(fields)) or 'no field'}")
    actor = current_actor()
    if _PENDING not in session.info:
        session.info[_PENDING] = []
        run_last(session, write)
    session.info[_PENDING].append(
        {
            "at": now,
            "actor_kind": actor.kind,
            "actor": actor.name,
            "address": actor.address,
            "reference": actor.reference,
            "event": event,
            "ticket": on,
            "fields": json.dumps(fields, ensure_ascii=False, sort_keys=True),
        }
    )


def worker_of(event: str, ticket: str) -> Actor:
    """Return the worker as it acted in the latest such event of a connection.

    It acts for the same bulk job again, if it was one that caused the event.
    """
    query = (
        select(AuditEvent.actor_kind, AuditEvent.actor)
        .where(AuditEvent.ticket == ticket, AuditEvent.event == event)
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
        .limit(1)
    )
    with reading() as session:
        found = session.execute(query).first()
    return Actor("worker", found.actor if found and found.actor_kind == "worker" else "")


def write(session: Session) -> None:
    """Write the recorded events now; call it only if the rest of the transaction reads them."""
    pending = session.info.get(_PENDING)
    if pending:
        audit_chain.append(session, pending)
        pending.clear()


#: Rows removed in one transaction: few, so refreshes wait only milliseconds.
REMOVED_AT_ONCE = 1000
_DAY = timedelta(days=1)


def remove_old(runtime: Runtime, now: datetime) -> int:
    """Remove one batch of the oldest expired events; return how many were removed."""
    expired_before = now - timedelta(days=runtime.settings.audit_days)
    # An event from a clock that was ahead stays until its time is over, and keeps no other.
    past = AuditEvent.at <= now + _DAY
    oldest = select(AuditEvent.id, AuditEvent.at, AuditEvent.digest).where(past)
    with writing() as session:
        rows = session.execute(oldest.order_by(AuditEvent.id).limit(REMOVED_AT_ONCE)).all()
        # From the start of the chain only, so its rest stays whole.
        expired = list(takewhile(lambda row: row.at < expired_before, rows))
        if expired:
            last = expired[-1]
            audit_chain.start_after(session, last.id, last.digest)
            session.execute(delete(AuditEvent).where(AuditEvent.id <= last.id, past))
    return len(expired)
