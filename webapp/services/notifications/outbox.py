"""Notifications to NOTIFY_URL: written with the change they report, delivered by the worker.

A row is added in the transaction of the change. A notification being sent is one whose `next_at`
was put off by a lease; if the sender dies, the next worker sends it when the lease ends. So each is
sent at least once, always with the same message id.
"""

import json
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy import CursorResult, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import Notification
from webapp.models.notification import NEVER
from webapp.notify import ReceiverAnswer, stored_word
from webapp.services import authority
from webapp.services.records import audit
from webapp.services.runtime import Runtime

EVENTS = frozenset(
    {
        "connection.reconnect_required",
        "connection.restored",
        "connection.revoked",
        "fleet.alarm",
    }
)
#: An alarm that comes and goes is told once in this time.
ALARM_AGAIN = timedelta(minutes=10)

Value = str | bool | None
#: All three are looked up by the index of `next_at`: delivered ones pile up for a week.
_GIVEN_UP = Notification.next_at == NEVER
_WAITING = Notification.next_at < NEVER
_NOT_DELIVERED = Notification.next_at.is_not(None)
#: Alarms are looked for among the last so many notices, and the last delivery among so many.
_LAST = 10_000
_LAST_DELIVERED = 100


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """How the telling stands."""

    #: Host and port of NOTIFY_URL; empty: nobody is to be told.
    receiver: str
    waiting: int
    #: When the oldest of those was made.
    oldest_waiting_since: datetime | None
    given_up: int
    last_delivered_at: datetime | None
    #: What the newest notice that was tried brought: an HTTP status, or what happened instead.
    last_answer: str | None


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One notice, for people; never its open_id."""

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
    """Have NOTIFY_URL told of a transition; does nothing where nobody is to be told.

    Raises ValueError if the event is none of EVENTS.
    """
    if event not in EVENTS:
        raise ValueError(f"{event} is no notice")
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
    """Have NOTIFY_URL told of trouble with all at once; the same once in ten minutes."""
    # As `written` writes it.
    mark = f'"alarm":"{kind}","reason":"{reason}"'
    told = session.scalar(
        select(Notification.id)
        .where(
            Notification.event == "fleet.alarm", Notification.body.contains(mark, autoescape=True)
        )
        .where(Notification.created_at > now - ALARM_AGAIN)
        .where(Notification.id > select(func.max(Notification.id) - _LAST).scalar_subquery())
        .limit(1)
    )
    if told is None:
        enqueue(
            session, runtime, now, "fleet.alarm", {"alarm": kind, "reason": reason, "code": code}
        )


def forget_person(session: Session, ticket: str) -> None:
    """Remove what was not told of somebody who is deleted, but for the end of the connection.

    That is told all the same, so that receivers can delete what they hold.
    """
    session.execute(
        delete(Notification).where(
            _NOT_DELIVERED,
            Notification.event.in_(("connection.reconnect_required", "connection.restored")),
            Notification.body.contains(f'"ticket":"{ticket}"', autoescape=True),
        )
    )


def delivery_status(runtime: Runtime, now: datetime) -> DeliveryStatus:
    """Return how the telling stands at `now`; where nobody is to be told nothing waits."""
    if not runtime.settings.notify_url:
        return DeliveryStatus("", 0, None, 0, None, None)
    lately = (
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
            select(func.max(lately.c.delivered_at)).where(lately.c.delivered_at <= now)
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
    """Return the last notices, those given up before all others; none where nobody is told."""
    if not runtime.settings.notify_url:
        return []
    newest = select(Notification).order_by(Notification.id.desc())
    others = or_(Notification.next_at.is_(None), _WAITING)
    with reading() as session:
        found = list(session.scalars(newest.where(_GIVEN_UP).limit(limit)))
        found += session.scalars(newest.where(others).limit(limit - len(found)))
    return [_row(notice) for notice in found]


def new_id() -> str:
    """Return a `webhook-id` that nobody had."""
    return f"msg_{secrets.token_hex(12)}"


def body_of(event: str, now: datetime, data: Mapping[str, Value]) -> str:
    """Return the body of a notice."""
    body = {"type": event, "timestamp": now.isoformat(), "data": dict(data)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _row(notice: Notification) -> NotificationRow:
    given_up = notice.next_at == NEVER
    state = "given_up" if given_up else "waiting" if notice.next_at else "delivered"
    return NotificationRow(
        message_id=notice.message_id,
        event=notice.event,
        ticket=json.loads(notice.body)["data"].get("ticket"),
        created_at=notice.created_at,
        state=state,
        tries=notice.tries,
        next_at=None if given_up else notice.next_at,
        delivered_at=notice.delivered_at,
        last_answer=stored_word(notice.last_answer),
    )


log = structlog.get_logger(__name__)

#: Three times the longest call, so that a call ends while its lease holds.
LEASE = timedelta(seconds=30)
#: The pauses after the first try, the second and so on; then it is given up. Some 28 hours.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
)
#: How much later than that a try may be, by chance: else all of an outage come back at once.
JITTER = 0.1
#: How long a delivered one is kept, and one that never was.
KEEP_DELIVERED = timedelta(days=7)
KEEP_UNDELIVERED = timedelta(days=14)
#: The most that one press tries again.
MOST_AGAIN = 500
_dice = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class DueNotification:
    """One notice that is ours to send until the lease ends."""

    id: int
    message_id: str
    event: str
    body: str = field(repr=False)
    #: Which try this is, from 1.
    tries: int
    lease_ends: datetime


def is_due(now: datetime) -> bool:
    """Tell whether anything is to be sent."""
    with reading() as session:
        first = session.scalar(select(func.min(Notification.next_at)))
    return first is not None and first <= now


def claim(now: datetime, most: int) -> list[DueNotification]:
    """Take up to `most` notices whose time has come, the longest waiting first."""
    ids = (
        select(Notification.id)
        .where(Notification.next_at <= now)
        .order_by(Notification.next_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    ends = now + LEASE
    with writing() as session:
        rows = session.execute(
            update(Notification)
            .where(Notification.id.in_(ids), Notification.next_at <= now)
            .values(next_at=ends, tries=Notification.tries + 1)
            .returning(
                Notification.id,
                Notification.message_id,
                Notification.event,
                Notification.body,
                Notification.tries,
            )
            .execution_options(synchronize_session=False)
        ).all()
    return [DueNotification(*row, ends) for row in rows]


def store_results(sent: Sequence[tuple[DueNotification, ReceiverAnswer]], now: datetime) -> None:
    """Write down what came of each, and when to try again."""
    with writing() as session:
        for due, answer in sorted(sent, key=lambda each: each[0].id):
            if answer.taken:
                _delivered(session, due, answer, now)
            else:
                _not_delivered(session, due, answer, now)
    for due, answer in sent:
        _log_result(due, answer)


def _delivered(
    session: Session, due: DueNotification, answer: ReceiverAnswer, now: datetime
) -> None:
    # Whoever holds the lease by now: it was taken, so nobody need send it again.
    session.execute(
        update(Notification)
        .where(Notification.id == due.id, Notification.message_id == due.message_id)
        .values(
            next_at=None,
            delivered_at=now,
            last_answer=answer.word,
            body=_without_person(due.body),
        )
    )


def _not_delivered(
    session: Session, due: DueNotification, answer: ReceiverAnswer, now: datetime
) -> None:
    # Only under our own lease: another worker may be sending it, or have delivered it.
    session.execute(
        update(Notification)
        .where(Notification.id == due.id, Notification.message_id == due.message_id)
        .where(Notification.next_at == due.lease_ends)
        .values(next_at=next_try_at(due.tries, answer, now), last_answer=answer.word)
    )


def next_try_at(tries: int, answer: ReceiverAnswer, now: datetime) -> datetime:
    """Return when to try again after so many tries; NEVER: it is given up."""
    if answer.gone or tries > len(PAUSES):
        return NEVER
    pause = PAUSES[tries - 1] * _dice.uniform(1, 1 + JITTER)
    return now + max(pause, timedelta(seconds=answer.wait))


def _without_person(body: str) -> str:
    """Return the body without the open_id: a delivered notice need not tell who it was."""
    told = json.loads(body)
    told["data"].pop("open_id", None)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _log_result(due: DueNotification, answer: ReceiverAnswer) -> None:
    facts = {"message": due.message_id, "notice": due.event, "answer": answer.word}
    if answer.taken:
        log.info("notice_delivered", tries=due.tries, **facts)
    elif answer.gone or due.tries > len(PAUSES):
        log.error("notice_given_up", tries=due.tries, **facts)
    else:
        log.warning("notice_not_delivered", tries=due.tries, **facts)


def retry(now: datetime, message_id: str | None = None) -> int:
    """Have those that were given up tried again from the start, or one; return how many.

    At most MOST_AGAIN at once, the oldest first. Raises NoLongerAllowed.
    """
    with writing() as session:
        authority.require(session)
        chosen = session.scalars(_to_retry(message_id)).all()
        for notice in chosen:
            notice.next_at, notice.tries = now, 0
            audit.record(session, now, "notice.retried", message=notice.message_id)
    return len(chosen)


def remove_old(now: datetime) -> int:
    """Remove the notices that were kept long enough; return how many."""
    over = or_(
        Notification.delivered_at < now - KEEP_DELIVERED,
        and_(Notification.delivered_at.is_(None), Notification.created_at < now - KEEP_UNDELIVERED),
    )
    with writing() as session:
        done = session.execute(delete(Notification).where(over))
        return done.rowcount if isinstance(done, CursorResult) else 0


def _to_retry(message_id: str | None) -> Select[Notification]:
    query = (
        select(Notification)
        .where(Notification.next_at == NEVER)
        .order_by(Notification.id)
        .limit(MOST_AGAIN)
        .with_for_update()
    )
    return query if message_id is None else query.where(Notification.message_id == message_id)
