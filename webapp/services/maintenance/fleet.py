"""The numbers of the whole fleet for a scraper, each read cheaply; names no connection."""

from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.services.house import House
from webapp.services.maintenance import health, keeping
from webapp.services.maintenance.health import Work
from webapp.services.notifications import outbox
from webapp.services.operators import headcount
from webapp.services.records import figures

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the database says; what it did not say is None or empty."""

    up: bool
    #: Counts of all time by word (services.figures).
    totals: dict[str, int] = field(default_factory=dict)
    #: State → how many; None while the first count is being made.
    connections: dict[str, int] | None = None
    work: Work | None = None
    #: config · transient · key; None: the breaker is closed.
    open_reason: str | None = None
    #: Notices that wait, and those that were given up.
    waiting: int = 0
    given_up: int = 0
    #: The names of all that is wrong (services.keeping).
    troubles: tuple[str, ...] = ()


def fleet(house: House, now: datetime) -> Fleet:
    """Return the numbers as they are; never raises with the database away."""
    troubles = tuple(sorted({fault.name for fault in keeping.troubles(house)}))
    try:
        row = health.brakes_of(house)
        standing = outbox.delivery_status(house, now)
        counted = headcount.counts(house, now)
        return Fleet(
            up=True,
            totals=figures.totals(house),
            connections={s.value: n for s, n in counted.by_state.items()} if counted else None,
            work=health.work(house, row, now),
            open_reason=row.open_reason,
            waiting=standing.waiting,
            given_up=standing.given_up,
            troubles=troubles,
        )
    except SQLAlchemyError as error:
        log.warning("fleet_not_read", error=type(error).__name__)
        return Fleet(up=False, troubles=troubles)
