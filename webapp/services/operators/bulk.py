"""What operators see of work on many connections: how far it is, what went wrong; changes none."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from webapp.database import reading
from webapp.later import gettext as _
from webapp.models import Brakes, BulkItem, BulkJob, ItemState, User
from webapp.services.house import House
from webapp.services.maintenance import keeping
from webapp.services.operators import bulk_orders
from webapp.services.refresh import due
from webapp.services.refresh.breaker import rate_factor

PAGE = 50
#: A worker feeds a job every second; one that does nothing for so long is not there.
SILENCE = timedelta(seconds=30)
_WRONG = (ItemState.FAILED, ItemState.SKIPPED)


@dataclass(frozen=True)
class Job:
    """One order, and how far it is."""

    id: str
    act: str
    #: Who ordered it: a ticket; empty where it is not known.
    actor: str
    query: str
    created_at: datetime
    #: What matches is still being looked for, so `total` grows.
    gathering: bool
    total: int
    done: int
    failed: int
    skipped: int
    stopped: bool
    ended_at: datetime | None

    @property
    def left(self) -> int:
        """Return of how many nothing has come yet."""
        return self.total - self.done - self.failed - self.skipped


@dataclass(frozen=True)
class Wrong:
    """One connection for which the act failed, or for which there was nothing to do."""

    failed: bool
    code: str | None
    ticket: str
    #: None, like the name: the person is deleted.
    open_id: str | None
    display_name: str | None


@dataclass(frozen=True)
class Hindrance:
    """Why a job does not go on, and what mends it."""

    cause: str
    mend: str


def rate(house: House) -> float:
    """Return how many connections a second a worker may act on now."""
    with reading() as session:
        brakes = session.get(Brakes, house.settings.tiktok_client_key)
    part = 1.0 if brakes is None else rate_factor(brakes, house.clock())
    return house.settings.refresh_rate * part


def job(house: House, job_id: str) -> Job | None:
    """Return a job of this app; None if there is none with this id."""
    with reading() as session:
        found = session.get(BulkJob, job_id)
    if found is None or found.client_key != house.settings.tiktok_client_key:
        return None
    return _job(found)


def jobs(house: House, after: str | None) -> tuple[list[Job], str | None]:
    """Return a page of jobs, newest first, behind the job `after`; and the key of the next page."""
    wanted = select(BulkJob).where(BulkJob.client_key == house.settings.tiktok_client_key)
    with reading() as session:
        last = session.get(BulkJob, after) if after else None
        if last is not None:
            same = and_(BulkJob.created_at == last.created_at, BulkJob.id < last.id)
            wanted = wanted.where(or_(BulkJob.created_at < last.created_at, same))
        newest = wanted.order_by(BulkJob.created_at.desc(), BulkJob.id.desc())
        found = session.scalars(newest.limit(PAGE + 1)).all()
    page = [_job(each) for each in found[:PAGE]]
    return page, page[-1].id if len(found) > PAGE else None


def wrongs(job_id: str, after: int) -> tuple[list[Wrong], int | None]:
    """Return a page of what failed or was skipped, behind the item `after`; and the next key."""
    with reading() as session:
        found = [
            row
            for state in _WRONG
            # One look for each: the index has the ids in order within a state.
            for row in session.execute(
                select(BulkItem, User.open_id, User.display_name)
                .outerjoin(User, and_(User.id == BulkItem.user_id, User.ticket == BulkItem.ticket))
                .where(BulkItem.job_id == job_id, BulkItem.state == state.value)
                .where(BulkItem.id > after)
                .order_by(BulkItem.id)
                .limit(PAGE + 1)
            )
        ]
    found.sort(key=lambda row: row[0].id)
    page = [
        Wrong(item.state == ItemState.FAILED, item.code, item.ticket, open_id, name)
        for item, open_id, name in found[:PAGE]
    ]
    return page, found[PAGE - 1][0].id if len(found) > PAGE else None


def hindrance(house: House, found: Job) -> Hindrance | None:
    """Return why a job that is not over does not go on; None: it does."""
    if found.ended_at is not None:
        return None
    held = keeping.open_brakes(house)
    if held is not None:
        return Hindrance(_("refreshes are held back: %(cause)s", cause=held[0]), held[1])
    now = house.clock()
    late = timedelta(seconds=due.lag(house, now))
    if late > SILENCE or now - _stirred_at(found, now) > SILENCE:
        cause = _("no worker seems to be running")
        return Hindrance(cause, _("start one: flask tokens run"))
    return None


def _stirred_at(found: Job, now: datetime) -> datetime:
    """Return when a worker last did something for a job; now, while it waits for TikTok."""
    with reading() as session:
        if bulk_orders.has(session, found.id, ItemState.SENT):
            return now
        newest = [found.created_at]
        for state in (ItemState.DONE, *_WRONG):
            last = session.scalar(
                select(BulkItem.ended_at)
                .where(BulkItem.job_id == found.id, BulkItem.state == state.value)
                .order_by(BulkItem.id.desc())
                .limit(1)
            )
            newest += [last] if last else []
    return max(newest)


def _job(row: BulkJob) -> Job:
    return Job(
        id=row.id,
        act=row.act,
        actor=row.actor,
        query=row.query,
        created_at=row.created_at,
        gathering=row.gathered_to is not None,
        total=row.total,
        done=row.done,
        failed=row.failed,
        skipped=row.skipped,
        stopped=row.stopped_at is not None,
        ended_at=row.ended_at,
    )
