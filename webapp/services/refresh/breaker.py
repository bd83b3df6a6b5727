"""The circuit breaker and the refresh rate, shared by all processes through one row of `brakes`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import BindParameter, ColumnElement, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.language import deferred_gettext as _
from webapp.models import Brakes
from webapp.problems import Problem
from webapp.services.notifications import outbox
from webapp.services.records import audit
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

PROBE_EVERY = timedelta(seconds=30)
#: How many outcomes are stored, and how many are needed for a decision.
WINDOW = 50
MIN_OUTCOMES = 20
#: Above this share of rejected grants no connection is marked: the people are not the cause.
MASS_SHARE = 0.3
#: At this share of failures the breaker opens.
FAILING_SHARE = 0.8
_SLOWEST_RATE = 1 / 64
_RECOVERY_PER_MINUTE = 0.1

_OPEN = {
    "config": (
        _("TikTok does not accept this app"),
        _("run flask doctor to see which setting it rejects"),
    ),
    "transient": (_("TikTok isn't responding"), _("nothing to do: we retry every 30 seconds")),
    "key": (
        _("most stored tokens cannot be decrypted"),
        _("add the key that encrypted them to TOKEN_KEYS again, after the new one"),
    ),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one refresh says about TikTok as a whole."""

    #: o ok · g grant refused · i refused after an interruption on our side · t transient or
    #: ambiguous · k cannot be opened · empty: nothing.
    letter: str = ""
    #: TikTok's code when it does not accept this app: opens the breaker immediately.
    config: str = ""
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Permit:
    """What may be sent now."""

    #: How many of the requested refreshes may be claimed.
    count: int
    #: The fraction of REFRESH_RATE that is allowed, above 0 and up to 1.
    pace: float
    #: Why the breaker is open, and until when nothing is sent; None: closed.
    reason: str | None = None
    until: datetime | None = None


def permit(
    runtime: Runtime, requested: int, now: datetime, *, wanted: Callable[[], bool] = lambda: True
) -> Permit:
    """Return how many refreshes may be sent; while the breaker is open, one every 30 s (a probe).

    `wanted` is called before the probe is taken: a probe that nobody uses is lost for 30 s.
    """
    brakes = current(runtime)
    if brakes.open_reason is None:
        return Permit(requested, rate_factor(brakes, now))
    # Later than that only after the clock was set back.
    if brakes.probe_at is not None and now < brakes.probe_at <= now + PROBE_EVERY:
        return Permit(0, rate_factor(brakes, now), brakes.open_reason, brakes.probe_at)
    taken = bool(requested) and wanted() and _take_probe(brakes, now)
    return Permit(int(taken), rate_factor(brakes, now), brakes.open_reason, now + PROBE_EVERY)


def stored(runtime: Runtime) -> Brakes:
    """Return the row, detached; a new one, which isn't stored, if there is none yet."""
    with reading() as session:
        return session.get(Brakes, runtime.client_key) or _new(runtime)


def current(runtime: Runtime) -> Brakes:
    """Return the row, detached; created the first time."""
    with reading() as session:
        found = session.get(Brakes, runtime.client_key)
    if found is not None:
        return found
    created = _new(runtime)
    try:
        with writing() as session:
            session.add(created)
    except IntegrityError:
        return current(runtime)
    return created


def open_problem(runtime: Runtime) -> Problem | None:
    """Return why nothing is sent now, and the fix; None while the breaker is closed."""
    row = stored(runtime)
    if row.open_reason is None:
        return None
    cause, fix = _OPEN[row.open_reason]
    if row.open_code:
        cause = _("%(cause)s (%(code)s)", cause=cause, code=row.open_code)
    return Problem("breaker", cause, fix)


def rate_factor(brakes: Brakes, now: datetime) -> float:
    """Return the fraction of REFRESH_RATE that is allowed; it recovers by 10% a minute."""
    if brakes.pace_at is None:
        return 1.0
    minutes = max(0.0, (now - brakes.pace_at).total_seconds() / 60)
    return min(1.0, brakes.pace + minutes * _RECOVERY_PER_MINUTE)


def is_mass_rejection(recent: str) -> bool:
    """Return True if TikTok rejects so many grants that the people cannot be the cause."""
    return len(recent) >= MIN_OUTCOMES and recent.count("g") / len(recent) > MASS_SHARE


def is_refusing(runtime: Runtime) -> bool:
    """Return True while a mass rejection continues: the latest outcomes show it as well."""
    recent = stored(runtime).recent
    return is_mass_rejection(recent) and is_mass_rejection(recent[-MIN_OUTCOMES:])


def recent_outcomes(session: Session, runtime: Runtime) -> str:
    """Return the letters of the last outcomes."""
    return session.scalar(select(Brakes.recent).filter_by(client_key=runtime.client_key)) or ""


def last_deleted_version(client_key: BindParameter[str]) -> ColumnElement[int]:
    """Return the highest version of an app's deleted connections, as part of a statement.

    0 if there were none.
    """
    found = select(Brakes.last_deleted_version).where(Brakes.client_key == client_key)
    return func.coalesce(found.scalar_subquery(), 0)


def keep_version(session: Session, runtime: Runtime, version: int) -> None:
    """Store the version of a connection that the caller's transaction deletes."""
    brakes = _row(session, runtime)
    brakes.last_deleted_version = max(brakes.last_deleted_version, version)


def record_outcomes(
    session: Session, runtime: Runtime, outcomes: Sequence[Outcome], now: datetime
) -> None:
    """Store the outcomes in the caller's transaction, and open or close the breaker."""
    brakes = _row(session, runtime)
    letters = "".join(each.letter for each in outcomes)
    was_mass = is_mass_rejection(brakes.recent)
    brakes.recent = (brakes.recent + letters)[-WINDOW:]
    if is_mass_rejection(brakes.recent) and not was_mass:
        outbox.enqueue_alarm(session, runtime, now, "mass_rejection", "refused", None)
    if any(each.throttled for each in outcomes):
        brakes.pace = max(_SLOWEST_RATE, rate_factor(brakes, now) / 2)
        brakes.pace_at = now
    config = next((each.config for each in outcomes if each.config), "")
    # An answer about a grant, even a refusal, shows that TikTok is up and accepts this app.
    if brakes.open_reason is not None and not config and set("ogi") & set(letters):
        code = brakes.open_code
        audit.record(session, now, "breaker.closed", reason=brakes.open_reason, code=code)
        _close(brakes, letters)
    elif config or _share(brakes.recent, "t") or _share(brakes.recent, "k"):
        was_closed = brakes.open_reason is None
        _open(brakes, "config" if config else _worst(brakes.recent), config, now)
        if was_closed:
            reason, code = str(brakes.open_reason), brakes.open_code
            audit.record(session, now, "breaker.opened", reason=reason, code=code)
            outbox.enqueue_alarm(session, runtime, now, "breaker", reason, code)


def _row(session: Session, runtime: Runtime) -> Brakes:
    """Return the row, locked until the caller's transaction ends; created if missing."""
    brakes = session.get(Brakes, runtime.client_key, with_for_update=True)
    if brakes is None:
        brakes = _new(runtime)
        session.add(brakes)
    return brakes


def _new(runtime: Runtime) -> Brakes:
    return Brakes(client_key=runtime.client_key, recent="", pace=1.0, last_deleted_version=0)


def _take_probe(brakes: Brakes, now: datetime) -> bool:
    """Take the one probe of these 30 s; False if another process was faster."""
    with writing() as session:
        taken = session.scalar(
            update(Brakes)
            .where(Brakes.client_key == brakes.client_key)
            .where(or_(Brakes.probe_at <= now, Brakes.probe_at > now + PROBE_EVERY))
            .values(probe_at=now + PROBE_EVERY)
            .returning(Brakes.client_key)
        )
    return taken is not None


def _share(recent: str, letter: str) -> bool:
    return len(recent) >= MIN_OUTCOMES and recent.count(letter) / len(recent) >= FAILING_SHARE


def _worst(recent: str) -> str:
    return "transient" if recent.count("t") >= recent.count("k") else "key"


def _open(brakes: Brakes, reason: str, code: str, now: datetime) -> None:
    if brakes.open_reason is None:
        brakes.open_since = now
        log.error("breaker_opened", reason=reason, code=code)
    brakes.open_reason = reason
    brakes.open_code = code or None
    brakes.probe_at = now + PROBE_EVERY


def _close(brakes: Brakes, letters: str) -> None:
    log.warning("breaker_closed", reason=brakes.open_reason, code=brakes.open_code)
    brakes.open_reason = brakes.open_code = brakes.open_since = brakes.probe_at = None
    brakes.recent = letters[-WINDOW:]
