"""Notifications to NOTIFY_URL: written with the change they report, delivered by the worker.

A row is added in the transaction of the change. While a notification is being sent, a lease moves
its `next_at` ahead; if the sender dies, another worker sends it when the lease ends. So each is
sent at least once, always with the same message id.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy import CursorResult, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from webapp.database import is_sqlite, reading, writing
from webapp.models import Notification
from webapp.models.notification import NEVER
from webapp.notify import ReceiverAnswer, stored_word
from webapp.services import authority
from webapp.services.notifications import retry_schedule
from webapp.services.records import audit
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

EVENTS = frozenset(
    {"connection.reconnect_required", "connection.restored", "connection.revoked", "fleet.alarm"}
)
#: The same alarm is sent once in this time, even if it comes and goes.
ALARM_AGAIN = timedelta(minutes=10)
#: PostgreSQL's number for the lock on alarms; any that nothing else uses in this database.
_ALARM_LOCK = 7_402_117

Value = str | bool | None
#: All three use the index of `next_at`, because delivered rows accumulate for a week.
_GIVEN_UP = Notification.next_at == NEVER
_WAITING = Notification.next_at < NEVER
_NOT_DELIVERED = Notification.next_at.is_not(None)
#: How many of the newest rows are searched for an alarm, and for the last delivery.
_LAST = 10_000
_LAST_DELIVERED = 100

#: Three times the longest call, so a call ends before its lease does.
LEASE = timedelta(seconds=30)
#: How long delivered notifications are kept, and others.
KEEP_DELIVERED = timedelta(days=7)
KEEP_UNDELIVERED = timedelta(days=14)
#: How many are retried with one press of the button.
RETRY_LIMIT = 500


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """The state of all deliveries."""

    #: Host and port of NOTIFY_URL; empty if that is not set.
    receiver: str
    waiting: int
    #: When the oldest of these was created.
    oldest_waiting_since: datetime | None
    given_up: int
    last_delivered_at: datetime | None
    #: The result of the newest notification that was tried: an HTTP status, or what happened.
    last_answer: str | None


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One notification as the pages show it, without its open_id."""

    message_id: str
    event: str
    #: The connection's; None for an alarm.
    ticket: str | None
    created_at: datetime
    #: waiting · delivered · given_up
    state: str
    tries: int
    next_at: datetime | None
    delivered_at: datetime | None
    last_answer: str | None


def enqueue(
    session: Session, runtime: Runtime, now: datetime, event: str, data: Mapping[str, Value]
) -> None:
    """Add a notification of a change; does nothing if NOTIFY_URL is not set.

    Raises ValueError if the event is not one of EVENTS.
    """
    if event not in EVENTS:
        raise ValueError(f"{event} is not a notification event")
    if not runtime.settings.notify_url:
        return
    session.execute(
        insert(Notification).values(
            message_id=new_id(),
            event=event,
            body=body_of(event, now, data),
            created_at=now,
            next_at=now,
            tries=0,
        )
    )


def enqueue_alarm(
    session: Session, runtime: Runtime, now: datetime, kind: str, reason: str, code: str | None
) -> None:
    """Add a notification of trouble with all connections; the same once in ten minutes."""
    if not is_sqlite(session.connection().dialect):
        # Simultaneous transactions don't see each other's alarm before they are committed.
        session.execute(select(func.pg_advisory_xact_lock(_ALARM_LOCK)))
    # As `body_of` writes it.
    mark = f'"alarm":"{kind}","reason":"{reason}"'
    recent = session.scalar(
        select(Notification.id)
        .where(
            Notification.event == "fleet.alarm", Notification.body.contains(mark, autoescape=True)
        )
        .where(Notification.created_at > now - ALARM_AGAIN)
        .where(Notification.id > select(func.max(Notification.id) - _LAST).scalar_subquery())
        .limit(1)
    )
    if recent is None:
        enqueue(
            session, runtime, now, "fleet.alarm", {"alarm": kind, "reason": reason, "code": code}
        )


def forget_person(session: Session, ticket: str) -> None:
    """Remove undelivered notifications about a deleted person, except for the disconnect.

    That one is still delivered, so receivers can delete their data.
    """
    session.execute(
        delete(Notification).where(
            _NOT_DELIVERED,
            Notification.event.in_(("connection.reconnect_required", "connection.restored")),
            Notification.body.contains(f'"ticket":"{ticket}"', autoescape=True),
        )
    )


def delivery_status(runtime: Runtime, now: datetime) -> DeliveryStatus:
    """Return the state of all deliveries at `now`; nothing waits if NOTIFY_URL is not set."""
    if not runtime.settings.notify_url:
        return DeliveryStatus("", 0, None, 0, None, None)
    newest = (
        select(Notification.delivered_at)
        .where(Notification.delivered_at.is_not(None))
        .order_by(Notification.id.desc())
        .limit(_LAST_DELIVERED)
        .subquery()
    )
    with reading() as session:
        waiting, oldest = session.execute(
            select(func.count(), func.min(Notification.created_at)).where(_WAITING)
        ).one()
        given_up = session.scalar(select(func.count()).where(_GIVEN_UP)) or 0
        delivered = session.scalar(
            select(func.max(newest.c.delivered_at)).where(newest.c.delivered_at <= now)
        )
        answer = session.scalar(
            select(Notification.last_answer)
            .where(Notification.last_answer.is_not(None))
            .order_by(Notification.id.desc())
            .limit(1)
        )
    receiver = urlsplit(runtime.settings.notify_url).netloc
    return DeliveryStatus(receiver, waiting, oldest, given_up, delivered, stored_word(answer))


def recent_notifications(runtime: Runtime, limit: int = 20) -> list[NotificationRow]:
    """Return recent notifications, undelivered first; none without NOTIFY_URL."""
    if not runtime.settings.notify_url:
        return []
    newest = select(Notification).order_by(Notification.id.desc())
    others = or_(Notification.next_at.is_(None), _WAITING)
    with reading() as session:
        found = list(session.scalars(newest.where(_GIVEN_UP).limit(limit)))
        found += session.scalars(newest.where(others).limit(limit - len(found)))
    return [_row(each) for each in found]


def new_id() -> str:
    """Return a new `webhook-id`."""
    return f"msg_{secrets.token_hex(12)}"


def body_of(event: str, now: datetime, data: Mapping[str, Value]) -> str:
    """Return the body of a notification."""
    body = {"type": event, "timestamp": now.isoformat(), "data": dict(data)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _row(notification: Notification) -> NotificationRow:
    given_up = notification.next_at == NEVER
    state = "given_up" if given_up else "waiting" if notification.next_at else "delivered"
    return NotificationRow(
        message_id=notification.message_id,
        event=notification.event,
        ticket=json.loads(notification.body)["data"].get("ticket"),
        created_at=notification.created_at,
        state=state,
        tries=notification.tries,
        next_at=None if given_up else notification.next_at,
        delivered_at=notification.delivered_at,
        last_answer=stored_word(notification.last_answer),
    )


def is_due(now: datetime) -> bool:
    """Return True if anything is due."""
    with reading() as session:
        first = session.scalar(select(func.min(Notification.next_at)))
    return first is not None and first <= now


def claim(now: datetime, limit: int) -> list[Notification]:
    """Claim up to `limit` notifications that are due, those due longest first.

    In the rows that it returns, `tries` counts this try and `next_at` is the end of the lease.
    """
    ids = (
        select(Notification.id)
        .where(Notification.next_at <= now)
        .order_by(Notification.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with writing() as session:
        return list(
            session.scalars(
                update(Notification)
                .where(Notification.id.in_(ids), Notification.next_at <= now)
                .values(next_at=now + LEASE, tries=Notification.tries + 1)
                .returning(Notification)
            )
        )


def store_results(sent: Sequence[tuple[Notification, ReceiverAnswer]], now: datetime) -> None:
    """Store the result of each, and when to try again."""
    with writing() as session:
        for due, answer in sorted(sent, key=lambda each: each[0].id):
            same = (Notification.id == due.id, Notification.message_id == due.message_id)
            change = update(Notification).where(*same).values(last_answer=answer.word)
            if answer.taken:
                # Even if another worker has the lease by now: it was accepted, so nobody has to
                # resend it.
                body = _without_person(due.body)
                change = change.values(next_at=None, delivered_at=now, body=body)
            else:
                # Only while we have the lease: another worker may be sending it, or have
                # delivered it.
                change = change.where(Notification.next_at == due.next_at)
                change = change.values(next_at=retry_schedule.next_try_at(due.tries, answer, now))
            session.execute(change)
    for due, answer in sent:
        _log_result(due, answer)


def _without_person(body: str) -> str:
    """Return the body without the open_id, which is not needed after the delivery."""
    content = json.loads(body)
    content["data"].pop("open_id", None)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _log_result(due: Notification, answer: ReceiverAnswer) -> None:
    facts = {"message": due.message_id, "notification": due.event, "answer": answer.word}
    if answer.taken:
        log.info("notification_delivered", tries=due.tries, **facts)
    elif answer.gone or due.tries > len(retry_schedule.PAUSES):
        log.error("notification_given_up", tries=due.tries, **facts)
    else:
        log.warning("notification_not_delivered", tries=due.tries, **facts)


def retry(now: datetime, message_id: str | None = None) -> int:
    """Retry the undelivered notifications, or one of them; return how many.

    At most RETRY_LIMIT, the oldest first. Raises NoLongerAllowed.
    """
    query = select(Notification).where(_GIVEN_UP).order_by(Notification.id).limit(RETRY_LIMIT)
    if message_id is not None:
        query = query.where(Notification.message_id == message_id)
    with writing() as session:
        authority.require(session)
        chosen = session.scalars(query.with_for_update()).all()
        for each in chosen:
            each.next_at, each.tries = now, 0
            audit.record(session, now, "notice.retried", message=each.message_id)
    return len(chosen)


def remove_old(now: datetime) -> int:
    """Remove old notifications; return how many were removed."""
    expired = or_(
        Notification.delivered_at < now - KEEP_DELIVERED,
        and_(Notification.delivered_at.is_(None), Notification.created_at < now - KEEP_UNDELIVERED),
    )
    with writing() as session:
        done = session.execute(delete(Notification).where(expired))
        return done.rowcount if isinstance(done, CursorResult) else 0
