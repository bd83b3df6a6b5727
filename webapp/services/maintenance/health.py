"""How the keeping goes, in one value for the health page; changes nothing, asks TikTok nothing.

What is wrong stands in `keeping.troubles`, in the same words everywhere.
"""

from dataclasses import dataclass
from datetime import datetime

from webapp.database import reading
from webapp.models import Brakes, Installation
from webapp.services.house import House
from webapp.services.maintenance import keeping, reseal, stored
from webapp.services.maintenance.status import Fault
from webapp.services.notifications import outbox
from webapp.services.records import figures
from webapp.services.refresh import breaker, due, rescue_file

#: Up to so many rows are read through for the keys they are sealed under.
FEW = 20_000


@dataclass(frozen=True, slots=True)
class Breaker:
    """Why refreshes are held back."""

    cause: str
    mend: str
    since: datetime | None
    next_probe: datetime | None


@dataclass(frozen=True, slots=True)
class Work:
    """How the worker gets on."""

    #: Seconds that the longest overdue refresh has waited.
    lag: float
    is_late: bool
    #: Refreshes a second: done lately, and allowed at most.
    pace: float
    allowed: float
    #: The part of REFRESH_RATE that is allowed; below 1 while TikTok throttles.
    part: float


@dataclass(frozen=True, slots=True)
class Keys:
    """Under which keys the tokens are sealed."""

    current: str
    #: Rows under another key; None: too many rows to look through for a page.
    others: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the health page tells."""

    at: datetime
    troubles: list[Fault]
    work: Work
    breaker: Breaker | None
    answers: figures.AnswerTimes
    database: stored.Database
    keys: Keys
    rescue: bool
    #: When the database was bound to this installation; None: not yet.
    bound_at: datetime | None
    notices: outbox.DeliveryStatus


def facts(house: House, now: datetime) -> Facts:
    """Return all of it, as it is at this moment. Raises SQLAlchemyError with the database away."""
    row = brakes_of(house)
    with reading() as session:
        bound = session.get(Installation, 1)
    return Facts(
        at=now,
        troubles=keeping.troubles(house),
        work=work(house, row, now),
        breaker=_breaker(house, row),
        answers=figures.answer_times(house, now),
        database=stored.database(),
        keys=Keys(house.vault.key_id, reseal.remaining_of_few(house, FEW)),
        rescue=rescue_file.has_answers(house),
        bound_at=bound.bound_at if bound else None,
        notices=outbox.delivery_status(house, now),
    )


def brakes_of(house: House) -> Brakes:
    """Return breaker and pace without making the row; as they begin where there is none yet."""
    key = house.settings.tiktok_client_key
    with reading() as session:
        return session.get(Brakes, key) or Brakes(client_key=key, pace=1.0)


def work(house: House, row: Brakes, now: datetime) -> Work:
    """Return how the worker gets on."""
    lag = due.lag(house, now)
    part = breaker.rate_factor(row, now)
    return Work(
        lag=lag,
        is_late=lag > keeping.LATE.total_seconds(),
        pace=figures.per_second(house, now),
        allowed=house.settings.refresh_rate * part,
        part=part,
    )


def _breaker(house: House, row: Brakes) -> Breaker | None:
    found = keeping.open_brakes(house)
    return found and Breaker(*found, since=row.open_since, next_probe=row.probe_at)
