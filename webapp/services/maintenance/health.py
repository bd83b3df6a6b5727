"""What the health page and the metrics show, and the probe that an operator can send.

A probe is one ordinary refresh while the breaker is open, so the breaker judges it as any other.
What is wrong is in `troubles`, in the same words everywhere.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import reading, writing
from webapp.models import Brakes, Installation, Status, User
from webapp.problems import Problem
from webapp.services import authority
from webapp.services.authority import HalfDone, NoLongerAllowed
from webapp.services.installation import binding
from webapp.services.maintenance import database_checks, reseal, troubles
from webapp.services.notifications import outbox
from webapp.services.operators import counts
from webapp.services.records import audit, figures
from webapp.services.refresh import breaker, due, rescue_file
from webapp.services.refresh.on_demand import (
    NotConnected,
    Pending,
    ReconnectRequired,
    fresh_access,
)
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

#: Up to so many rows are read through for the keys they are sealed under.
COUNT_LIVE_BELOW = 20_000


@dataclass(frozen=True, slots=True)
class Breaker:
    """Why refreshes are held back."""

    cause: str
    fix: str
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
class HealthFacts:
    """All that the health page tells."""

    at: datetime
    troubles: list[Problem]
    work: Work
    breaker: Breaker | None
    answers: figures.AnswerTimes
    database: database_checks.StoredDatabase
    keys: Keys
    rescue: bool
    #: When the database was bound to this installation; None: not yet.
    bound_at: datetime | None
    notices: outbox.DeliveryStatus


def health_facts(runtime: Runtime, now: datetime) -> HealthFacts:
    """Return all of it, as it is at this moment. Raises SQLAlchemyError with the database away."""
    row = brakes_of(runtime)
    with reading() as session:
        bound = session.get(Installation, 1)
    return HealthFacts(
        at=now,
        troubles=troubles.troubles(runtime),
        work=work_of(runtime, row, now),
        breaker=_breaker(runtime, row),
        answers=figures.answer_times(runtime, now),
        database=database_checks.stored_database(),
        keys=Keys(runtime.vault.key_id, reseal.remaining_of_few(runtime, COUNT_LIVE_BELOW)),
        rescue=rescue_file.has_answers(runtime),
        bound_at=bound.bound_at if bound else None,
        notices=outbox.delivery_status(runtime, now),
    )


def brakes_of(runtime: Runtime) -> Brakes:
    """Return breaker and pace without making the row; as they begin where there is none yet."""
    key = runtime.settings.tiktok_client_key
    with reading() as session:
        return session.get(Brakes, key) or Brakes(client_key=key, pace=1.0)


def work_of(runtime: Runtime, row: Brakes, now: datetime) -> Work:
    """Return how the worker gets on."""
    lag = due.lag(runtime, now)
    part = breaker.rate_factor(row, now)
    return Work(
        lag=lag,
        is_late=lag > troubles.LATE_AFTER.total_seconds(),
        pace=figures.per_second(runtime, now),
        allowed=runtime.settings.refresh_rate * part,
        part=part,
    )


def _breaker(runtime: Runtime, row: Brakes) -> Breaker | None:
    found = breaker.open_problem(runtime)
    if found is None:
        return None
    return Breaker(found.cause, found.fix, row.open_since, row.probe_at)


_KEPT = (Status.ACTIVE.value, Status.FAILING.value)


class ProbeResult(StrEnum):
    """What has come of it."""

    #: TikTok answered, and the breaker is closed again.
    CLOSED = "closed"
    #: It was tried, or a worker was quicker with it; the breaker is open as before.
    OPEN = "open"
    #: There was nothing to probe: the breaker was closed.
    NOT_OPEN = "not_open"
    #: Nobody is connected with whom to try it.
    NOBODY = "nobody"
    #: The database does not belong here, so nothing goes out.
    NOT_OURS = "not_ours"


def send_probe(runtime: Runtime) -> ProbeResult:
    """Refresh the connection that is due first, whatever probe is due when; say what came of it.

    Raises NoLongerAllowed, with nothing done, or HalfDone.
    """
    if binding.mismatch(runtime) is not None:
        return ProbeResult.NOT_OURS
    if not _make_due(runtime, runtime.clock()):
        return ProbeResult.NOT_OPEN
    open_id = _first(runtime)
    if open_id is None:
        return ProbeResult.NOBODY
    # What came of it stands in the brakes; how this one connection is, on its own page.
    with suppress(NotConnected, ReconnectRequired, Pending, CannotOpen):
        try:
            fresh_access(runtime, open_id, pressed=True)
        except NoLongerAllowed:
            raise HalfDone from None
    return (
        ProbeResult.OPEN if breaker.current(runtime).open_reason is not None else ProbeResult.CLOSED
    )


def _make_due(runtime: Runtime, now: datetime) -> bool:
    """Let the next probe go out now, and write down who wants it; False: nothing to probe."""
    with writing() as session:
        authority.require(session)
        made = session.scalar(
            update(Brakes)
            .where(Brakes.client_key == runtime.settings.tiktok_client_key)
            .where(Brakes.open_reason.is_not(None))
            .values(probe_at=now)
            .returning(Brakes.client_key)
        )
        if made is not None:
            audit.record(session, now, "breaker.probed")
    return made is not None


def _first(runtime: Runtime) -> str | None:
    """Return the open_id of whose turn is next, leaving out who is being refreshed."""
    ours = User.client_key == runtime.settings.tiktok_client_key
    query = (
        select(User.open_id)
        .where(ours, User.next_at.is_not(None), User.claim.is_(None))
        .where(User.status.in_(_KEPT), User.refresh_token.is_not(None))
        .order_by(User.next_at)
        .limit(1)
    )
    with reading() as session:
        return session.scalar(query)


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


def fleet_figures(runtime: Runtime, now: datetime) -> Fleet:
    """Return the numbers as they are; never raises with the database away."""
    names = tuple(sorted({fault.name for fault in troubles.troubles(runtime)}))
    try:
        row = brakes_of(runtime)
        standing = outbox.delivery_status(runtime, now)
        counted = counts.current_counts(runtime, now)
        return Fleet(
            up=True,
            totals=figures.totals(runtime),
            connections={s.value: n for s, n in counted.by_state.items()} if counted else None,
            work=work_of(runtime, row, now),
            open_reason=row.open_reason,
            waiting=standing.waiting,
            given_up=standing.given_up,
            troubles=names,
        )
    except SQLAlchemyError as error:
        log.warning("fleet_not_read", error=type(error).__name__)
        return Fleet(up=False, troubles=names)
