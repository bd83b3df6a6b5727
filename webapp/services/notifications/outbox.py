"""Notices out: an outbox row in the transaction of the change it tells of; sends none itself."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from webapp.database import reading
from webapp.models import Notice
from webapp.models.notice import NEVER
from webapp.notify.words import recalled
from webapp.services.house import House

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

Told = str | bool | None
#: All three are looked up by the index of `next_at`: delivered ones pile up for a week.
_GIVEN_UP = Notice.next_at == NEVER
_WAITING = Notice.next_at < NEVER
_NOT_DELIVERED = Notice.next_at.is_not(None)
#: Alarms are looked for among the last so many notices, and the last delivery among so many.
_LAST = 10_000
_LAST_DELIVERED = 100


@dataclass(frozen=True, slots=True)
class Standing:
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
class Line:
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


def put(
    session: Session, house: House, now: datetime, event: str, data: Mapping[str, Told]
) -> None:
    """Have NOTIFY_URL told of a transition; does nothing where nobody is to be told.

    Raises ValueError if the event is none of EVENTS.
    """
    if event not in EVENTS:
        raise ValueError(f"{event} is no notice")
    if not house.settings.notify_url:
        return
    session.execute(
        insert(Notice).values(
            message_id=new_id(),
            event=event,
            body=written(event, now, data),
            created_at=now,
            next_at=now,
            tries=0,
        )
    )


def alarm(
    session: Session, house: House, now: datetime, kind: str, reason: str, code: str | None
) -> None:
    """Have NOTIFY_URL told of trouble with all at once; the same once in ten minutes."""
    # As `written` writes it.
    mark = f'"alarm":"{kind}","reason":"{reason}"'
    told = session.scalar(
        select(Notice.id)
        .where(Notice.event == "fleet.alarm", Notice.body.contains(mark, autoescape=True))
        .where(Notice.created_at > now - ALARM_AGAIN)
        .where(Notice.id > select(func.max(Notice.id) - _LAST).scalar_subquery())
        .limit(1)
    )
    if told is None:
        put(session, house, now, "fleet.alarm", {"alarm": kind, "reason": reason, "code": code})


def forget(session: Session, ticket: str) -> None:
    """Remove what was not told of somebody who is deleted, but for the end of the connection.

    That is told all the same, so that receivers can delete what they hold.
    """
    session.execute(
        delete(Notice).where(
            _NOT_DELIVERED,
            Notice.event.in_(("connection.reconnect_required", "connection.restored")),
            Notice.body.contains(f'"ticket":"{ticket}"', autoescape=True),
        )
    )


def standing(house: House, now: datetime) -> Standing:
    """Return how the telling stands at `now`; where nobody is to be told nothing waits."""
    if not house.settings.notify_url:
        return Standing("", 0, None, 0, None, None)
    lately = (
        select(Notice.delivered_at)
        .where(Notice.delivered_at.is_not(None))
        .order_by(Notice.id.desc())
        .limit(_LAST_DELIVERED)
        .subquery()
    )
    with reading() as session:
        waiting, oldest = session.execute(
            select(func.count(), func.min(Notice.created_at)).where(_WAITING)
        ).one()
        given_up = session.scalar(select(func.count()).where(_GIVEN_UP)) or 0
        delivered = session.scalar(
            select(func.max(lately.c.delivered_at)).where(lately.c.delivered_at <= now)
        )
        answer = session.scalar(
            select(Notice.last_answer)
            .where(Notice.last_answer.is_not(None))
            .order_by(Notice.id.desc())
            .limit(1)
        )
    receiver = urlsplit(house.settings.notify_url).netloc
    return Standing(receiver, waiting, oldest, given_up, delivered, recalled(answer))


def recent(house: House, limit: int = 20) -> list[Line]:
    """Return the last notices, those given up before all others; none where nobody is told."""
    if not house.settings.notify_url:
        return []
    newest = select(Notice).order_by(Notice.id.desc())
    others = or_(Notice.next_at.is_(None), _WAITING)
    with reading() as session:
        found = list(session.scalars(newest.where(_GIVEN_UP).limit(limit)))
        found += session.scalars(newest.where(others).limit(limit - len(found)))
    return [_line(notice) for notice in found]


def new_id() -> str:
    """Return a `webhook-id` that nobody had."""
    return f"msg_{secrets.token_hex(12)}"


def written(event: str, now: datetime, data: Mapping[str, Told]) -> str:
    """Return the body of a notice."""
    body = {"type": event, "timestamp": now.isoformat(), "data": dict(data)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _line(notice: Notice) -> Line:
    given_up = notice.next_at == NEVER
    state = "given_up" if given_up else "waiting" if notice.next_at else "delivered"
    return Line(
        message_id=notice.message_id,
        event=notice.event,
        ticket=json.loads(notice.body)["data"].get("ticket"),
        created_at=notice.created_at,
        state=state,
        tries=notice.tries,
        next_at=None if given_up else notice.next_at,
        delivered_at=notice.delivered_at,
        last_answer=recalled(notice.last_answer),
    )
