"""Notices on their way: which are due, who sends them now, what came of it; sends none itself.

A notice that is under way is one whose `next_at` was put off by a lease. Whoever dies in mid-call
leaves it to the next worker when the lease ends: at least once, under the same message id.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import CursorResult, Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import Notice
from webapp.models.notice import NEVER
from webapp.notify.sender import Answer
from webapp.services import authority
from webapp.services.records import audit

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
class Due:
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
        first = session.scalar(select(func.min(Notice.next_at)))
    return first is not None and first <= now


def claim(now: datetime, most: int) -> list[Due]:
    """Take up to `most` notices whose time has come, the longest waiting first."""
    ids = (
        select(Notice.id)
        .where(Notice.next_at <= now)
        .order_by(Notice.next_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    ends = now + LEASE
    with writing() as session:
        rows = session.execute(
            update(Notice)
            .where(Notice.id.in_(ids), Notice.next_at <= now)
            .values(next_at=ends, tries=Notice.tries + 1)
            .returning(Notice.id, Notice.message_id, Notice.event, Notice.body, Notice.tries)
            .execution_options(synchronize_session=False)
        ).all()
    return [Due(*row, ends) for row in rows]


def settle(sent: Sequence[tuple[Due, Answer]], now: datetime) -> None:
    """Write down what came of each, and when to try again."""
    with writing() as session:
        for due, answer in sorted(sent, key=lambda each: each[0].id):
            if answer.taken:
                _delivered(session, due, answer, now)
            else:
                _not_delivered(session, due, answer, now)
    for due, answer in sent:
        _tell(due, answer)


def _delivered(session: Session, due: Due, answer: Answer, now: datetime) -> None:
    # Whoever holds the lease by now: it was taken, so nobody need send it again.
    session.execute(
        update(Notice)
        .where(Notice.id == due.id, Notice.message_id == due.message_id)
        .values(
            next_at=None,
            delivered_at=now,
            last_answer=answer.word,
            body=_without_person(due.body),
        )
    )


def _not_delivered(session: Session, due: Due, answer: Answer, now: datetime) -> None:
    # Only under our own lease: another worker may be sending it, or have delivered it.
    session.execute(
        update(Notice)
        .where(Notice.id == due.id, Notice.message_id == due.message_id)
        .where(Notice.next_at == due.lease_ends)
        .values(next_at=again_at(due.tries, answer, now), last_answer=answer.word)
    )


def again_at(tries: int, answer: Answer, now: datetime) -> datetime:
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


def _tell(due: Due, answer: Answer) -> None:
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


def clean(now: datetime) -> int:
    """Remove the notices that were kept long enough; return how many."""
    over = or_(
        Notice.delivered_at < now - KEEP_DELIVERED,
        and_(Notice.delivered_at.is_(None), Notice.created_at < now - KEEP_UNDELIVERED),
    )
    with writing() as session:
        done = session.execute(delete(Notice).where(over))
        return done.rowcount if isinstance(done, CursorResult) else 0


def _to_retry(message_id: str | None) -> Select[Notice]:
    query = (
        select(Notice)
        .where(Notice.next_at == NEVER)
        .order_by(Notice.id)
        .limit(MOST_AGAIN)
        .with_for_update()
    )
    return query if message_id is None else query.where(Notice.message_id == message_id)
