"""The facts of the health page and of the metrics, and the probe that an operator can send.

A probe is one ordinary refresh while the circuit breaker is open, with the usual effect on it.
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
from webapp.services.refresh.on_demand import NotConnected, Pending, ReconnectRequired, fresh_access
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

log = structlog.get_logger(__name__)

#: Up to this number of connections, a page counts those that are encrypted with an old key.
COUNT_LIVE_BELOW = 20_000
_REFRESHED = (Status.ACTIVE.value, Status.FAILING.value)


@dataclass(frozen=True, slots=True)
class Work:
    """How well the worker keeps up."""

    #: In seconds, of the longest overdue refresh.
    lag: float
    is_late: bool
    #: Refreshes per second: in the last minutes, and the present limit.
    pace: float
    allowed: float
    #: The fraction of REFRESH_RATE that is allowed; below 1 after TikTok has throttled.
    part: float


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """What the health page shows."""

    at: datetime
    troubles: list[Problem]
    work: Work
    #: Why refreshes are paused, and since when; None: they aren't.
    paused: Problem | None
    paused_since: datetime | None
    next_probe: datetime | None
    answers: figures.AnswerTimes
    database: database_checks.StoredDatabase
    #: The name of the key that new tokens are encrypted with.
    key_id: str
    #: Connections under another key; None: too many to count for a page.
    other_keys: int | None
    rescue: bool
    #: When the database was bound to this installation; None: not yet.
    bound_at: datetime | None
    notices: outbox.DeliveryStatus


def health_facts(runtime: Runtime, now: datetime) -> HealthFacts:
    """Return the present facts. Raises SQLAlchemyError if the database isn't responding."""
    row = breaker.stored(runtime)
    with reading() as session:
        bound = session.get(Installation, 1)
    return HealthFacts(
        at=now,
        troubles=troubles.troubles(runtime),
        work=work_of(runtime, row, now),
        paused=breaker.open_problem(runtime),
        paused_since=row.open_since,
        next_probe=row.probe_at,
        answers=figures.answer_times(runtime, now),
        database=database_checks.stored_database(),
        key_id=runtime.vault.key_id,
        other_keys=reseal.remaining_of_few(runtime, COUNT_LIVE_BELOW),
        rescue=rescue_file.has_answers(runtime),
        bound_at=bound.bound_at if bound else None,
        notices=outbox.delivery_status(runtime, now),
    )


def work_of(runtime: Runtime, row: Brakes, now: datetime) -> Work:
    """Return how well the worker keeps up."""
    lag = due.lag(runtime, now)
    part = breaker.rate_factor(row, now)
    return Work(
        lag=lag,
        is_late=lag > troubles.LATE_AFTER.total_seconds(),
        pace=figures.per_second(runtime, now),
        allowed=runtime.settings.refresh_rate * part,
        part=part,
    )


class ProbeResult(StrEnum):
    """The result of a probe."""

    #: TikTok answered, so refreshes are sent again.
    CLOSED = "closed"
    #: The breaker is still open after the probe, or after that of a worker.
    OPEN = "open"
    #: The breaker was closed, so there was nothing to test.
    NOT_OPEN = "not_open"
    #: There is no connection to test with.
    NOBODY = "nobody"
    #: The database belongs to another installation, so nothing was sent.
    NOT_OURS = "not_ours"


def send_probe(runtime: Runtime) -> ProbeResult:
    """Refresh the connection that is due first, without waiting for the next regular probe.

    Raises NoLongerAllowed if nothing was done yet, else HalfDone.
    """
    if binding.mismatch(runtime) is not None:
        return ProbeResult.NOT_OURS
    if not _make_due(runtime, runtime.clock()):
        return ProbeResult.NOT_OPEN
    open_id = _next_open_id(runtime)
    if open_id is None:
        return ProbeResult.NOBODY
    # The breaker holds the result of the probe; the page of this connection shows its own.
    with suppress(NotConnected, ReconnectRequired, Pending, CannotOpen):
        try:
            fresh_access(runtime, open_id, pressed=True)
        except NoLongerAllowed:
            raise HalfDone from None
    still_open = breaker.stored(runtime).open_reason is not None
    return ProbeResult.OPEN if still_open else ProbeResult.CLOSED


def _make_due(runtime: Runtime, now: datetime) -> bool:
    """Make the next probe due now and record who asked; return False if the breaker is closed."""
    with writing() as session:
        authority.require(session)
        due_now = session.scalar(
            update(Brakes)
            .where(Brakes.client_key == runtime.client_key)
            .where(Brakes.open_reason.is_not(None))
            .values(probe_at=now)
            .returning(Brakes.client_key)
        )
        if due_now is not None:
            audit.record(session, now, "breaker.probed")
    return due_now is not None


def _next_open_id(runtime: Runtime) -> str | None:
    """Return the open_id that is due first, except those being refreshed now."""
    ours = User.client_key == runtime.client_key
    query = (
        select(User.open_id)
        .where(ours, User.next_at.is_not(None), User.claim.is_(None))
        .where(User.status.in_(_REFRESHED), User.refresh_token.is_not(None))
        .order_by(User.next_at)
        .limit(1)
    )
    with reading() as session:
        return session.scalar(query)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the metrics show; None or empty if the database did not respond."""

    up: bool
    #: Counts since the first start, by word (services.records.figures).
    totals: dict[str, int] = field(default_factory=dict)
    #: State → number of connections; None while the first count is being made.
    connections: dict[str, int] | None = None
    work: Work | None = None
    #: config · transient · key; None while the breaker is closed.
    open_reason: str | None = None
    #: Notifications that are waiting, and that couldn't be delivered.
    waiting: int = 0
    given_up: int = 0
    #: The names of all problems (services.maintenance.troubles).
    troubles: tuple[str, ...] = ()


def fleet_figures(runtime: Runtime, now: datetime) -> Fleet:
    """Return the present numbers; never raises if the database isn't responding."""
    names = tuple(sorted({problem.name for problem in troubles.troubles(runtime)}))
    try:
        row = breaker.stored(runtime)
        status = outbox.delivery_status(runtime, now)
        counted = counts.current_counts(runtime, now, by_time=False)
        return Fleet(
            up=True,
            totals=figures.totals(runtime),
            connections={s.value: n for s, n in counted.by_state.items()} if counted else None,
            work=work_of(runtime, row, now),
            open_reason=row.open_reason,
            waiting=status.waiting,
            given_up=status.given_up,
            troubles=names,
        )
    except SQLAlchemyError as error:
        log.warning("metrics_unavailable", error=type(error).__name__)
        return Fleet(up=False, troubles=names)
