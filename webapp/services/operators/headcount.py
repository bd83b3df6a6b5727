"""How many connections stand how: live while they are few, else counted behind the scenes.

A count of a million rows takes a second or more, so nobody waits for it: whoever comes when the
last one is older than a minute starts the next, one process at a time, and is shown the last.
"""

import contextvars
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import Headcount, User
from webapp.services.house import House
from webapp.services.operators import counting
from webapp.services.operators.counting import Bars, Counts

log = structlog.get_logger(__name__)

#: Up to so many rows are counted while the page is waited for.
FEW = 20_000
#: How long a count holds.
FRESH = timedelta(minutes=1)
#: A count that has taken longer belongs to a process that died.
LONGEST = timedelta(minutes=10)


def counts(house: House, now: datetime) -> Counts | None:
    """Return the counts, live or the last ones; None while the first count is being made."""
    kept = _kept(house)
    if kept is None or kept.total <= FEW:
        with reading() as session:
            if _are_few(session, house):
                return counting.count(session, house, now)
    if kept is None or kept.counted_at is None or now - kept.counted_at > FRESH:
        _aside(lambda: recount(house))
    return kept


def expiries(house: House, now: datetime) -> Bars:
    """Return (hour's start, accesses that end in it) for the next 24 hours, this one first."""
    found = counts(house, now)
    return found.expiries if found else []


def reconnects(house: House, now: datetime) -> Bars:
    """Return (Monday, grants that end in the week) for the next 12 weeks, this one first."""
    found = counts(house, now)
    return found.reconnects if found else []


def recount(house: House) -> bool:
    """Count everything and keep it; False if somebody else is at it."""
    now = house.clock()
    if not _claim(house, now):
        return False
    with reading() as session:
        found = counting.count(session, house, now)
    with writing() as session:
        row = session.get(Headcount, house.settings.tiktok_client_key)
        if row is not None:
            row.counted_at, row.counting_until, row.body = now, None, counting.written(found)
    return True


def _kept(house: House) -> Counts | None:
    """Return the last count, if there is one."""
    with reading() as session:
        row = session.get(Headcount, house.settings.tiktok_client_key)
    if row is None or row.counted_at is None:
        return None
    return counting.read(row.body, row.counted_at)


def _are_few(session: Session, house: House) -> bool:
    ours = User.client_key == house.settings.tiktok_client_key
    some = select(User.id).where(ours).limit(FEW + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def _claim(house: House, now: datetime) -> bool:
    """Take on the next count; False if another process has, or made one in the meantime."""
    key = house.settings.tiktok_client_key
    try:
        with writing() as session:
            if session.get(Headcount, key) is None:
                session.add(Headcount(client_key=key, body="", counting_until=now + LONGEST))
                return True
            free = or_(Headcount.counting_until.is_(None), Headcount.counting_until < now)
            old = or_(Headcount.counted_at.is_(None), Headcount.counted_at < now - FRESH)
            taken = session.execute(
                update(Headcount)
                .where(Headcount.client_key == key, free, old)
                .values(counting_until=now + LONGEST)
                .returning(Headcount.client_key)
            ).all()
            return bool(taken)
    except IntegrityError:
        return False


def _in_a_thread(work: Callable[[], object]) -> None:
    """Do it beside this request, in its context: that knows which database."""
    if not _at_it.acquire(blocking=False):
        return

    def run() -> None:
        try:
            work()
        except SQLAlchemyError as error:
            log.warning("headcount_failed", error=type(error).__name__)
        finally:
            _at_it.release()

    threading.Thread(
        target=contextvars.copy_context().run, args=(run,), name="headcount", daemon=True
    ).start()


#: Held while this process counts.
_at_it = threading.Lock()
_aside: Callable[[Callable[[], object]], None] = _in_a_thread
