"""What an answer means for its row: the table of verdicts; writes nothing and calls nobody.

docs/decisions says why two refusals a minute apart are needed, and why a version guards the row.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func

from webapp.actor import Actor, current_actor
from webapp.models import Reason, Status, User
from webapp.services.refresh import schedule
from webapp.services.refresh.breaker import PROBE_EVERY, Outcome
from webapp.services.refresh.claims import Claim
from webapp.tiktok.errors import ConnectAgain, OurConfiguration, TikTokError, TryLater, WrongAccount
from webapp.tokens import TokenSet

#: The second refusal counts only this long after the first.
SECOND_REFUSAL_AFTER = timedelta(seconds=60)
#: How long TikTok is told again and again that a person has disconnected.
KEEP_REVOKING = timedelta(hours=24)


class NotSent(Exception):
    """The claim was too old to be sent under, or the worker is ending: nothing went out."""


class CannotOpenRow(Exception):
    """The row was sealed under a key that is not here."""


Answer = TokenSet | Exception


@dataclass(frozen=True, slots=True)
class Result:
    """A claim and what came of it."""

    claim: Claim
    answer: Answer = field(repr=False)
    received_at: datetime
    #: What TikTok took to answer, in milliseconds; None: it was not asked.
    ms: int | None = None
    by: Actor = field(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The columns to write while claim and version still match, and what it tells of TikTok."""

    columns: dict[str, Any]
    outcome: Outcome
    #: A word for the log.
    word: str


def verdict_of(claim: Claim, error: Exception, now: datetime, *, mass: bool) -> Verdict:
    """Return what a failed refresh means: body first, status second (token-keeping.md).

    `mass`: TikTok refuses so many grants that nobody is marked for it.
    """
    match error:
        case NotSent():
            return Verdict({"claim": None, "next_at": now}, Outcome(), "not_sent")
        case CannotOpenRow():
            later = {"claim": None, "next_at": now + timedelta(seconds=schedule.LONGEST_WAIT)}
            return Verdict(later | {"last_error": "cannot_open"}, Outcome("k"), "key")
        case OurConfiguration():
            return _untouched(claim, now, error)
        case WrongAccount():
            return _another_account(now, error)
        case ConnectAgain():
            return _refused(claim, now, error, mass=mass)
        case TryLater() if error.status == 429 or error.code == "rate_limit_exceeded":
            return _throttled(claim, now, error)
        case TryLater(outcome_unknown=True):
            return _ambiguous(claim, now, error)
    return _transient(claim, now, error)


def grant_is_over(now: datetime) -> dict[str, Any]:
    """Return the columns of a grant whose own end has passed: no call, the person is needed."""
    return _needs_the_person(now, Reason.GRANT_OVER)


def _untouched(claim: Claim, now: datetime, error: OurConfiguration) -> Verdict:
    """Our configuration is at fault: the row waits for the next probe and is not marked."""
    columns = {"claim": None, "next_at": now + PROBE_EVERY}
    return Verdict(columns, Outcome(config=error.code), "config")


def _another_account(now: datetime, error: WrongAccount) -> Verdict:
    later = now + timedelta(seconds=schedule.LONGEST_WAIT)
    columns = {"claim": None, "next_at": later, **_error_columns(error)}
    return Verdict(columns, Outcome(), "another_account")


def _refused(claim: Claim, now: datetime, error: ConnectAgain, *, mass: bool) -> Verdict:
    """TikTok says that the grant is dead. It has been wrong once before it counts.

    After an interruption it is known why: such rows tell nothing of TikTok, and wait for nobody.
    Else a killed worker's rows, tried again and again, would pass for a mass rejection for ever.
    """
    first = claim.refused_at or now
    mass = mass and not claim.interrupted
    outcome = Outcome("i" if claim.interrupted else "g")
    if not mass and claim.refused_at is not None and now - claim.refused_at >= SECOND_REFUSAL_AFTER:
        reason = Reason.INTERRUPTED if claim.interrupted else Reason.REFUSED
        columns = _needs_the_person(now, reason) | _error_columns(error)
        return Verdict(columns, outcome, "needs_person")
    again = max(first + SECOND_REFUSAL_AFTER, now + timedelta(seconds=5))
    if mass:
        again = max(again, schedule.back_off(claim.failures, now, claim.access_expires_at))
    columns = _failing(claim, again, now) | _error_columns(error) | {"refused_at": first}
    return Verdict(columns, outcome, "mass_rejection" if mass else "refused_once")


def _throttled(claim: Claim, now: datetime, error: TryLater) -> Verdict:
    asked = min(error.retry_after or 0, schedule.LONGEST_WAIT)
    later = max(
        now + timedelta(seconds=asked),
        schedule.back_off(claim.failures, now, claim.access_expires_at),
    )
    columns = {"claim": None, "next_at": later, "status": Status.FAILING, **_error_columns(error)}
    columns["failing_since"] = _since(now)
    return Verdict(columns, Outcome(throttled=True), "throttled")


def _ambiguous(claim: Claim, now: datetime, error: TryLater) -> Verdict:
    """It went out and nothing whole came back: TikTok may have rotated. One quick retry."""
    later = schedule.back_off(claim.failures, now, claim.access_expires_at)
    if not claim.interrupted:
        later = schedule.soon(now)
    columns = _failing(claim, later, now) | _error_columns(error) | {"interrupted": True}
    return Verdict(columns, Outcome("t"), "ambiguous")


def _transient(claim: Claim, now: datetime, error: Exception) -> Verdict:
    later = schedule.back_off(claim.failures, now, claim.access_expires_at)
    columns = _failing(claim, later, now) | _error_columns(error)
    if isinstance(error, TryLater) and error.code == "answer_unusable" and error.status == 200:
        # A yes that cannot be read: TikTok may have rotated, and then it is not the person's doing.
        columns["interrupted"] = True
    return Verdict(columns, Outcome("t"), "transient")


def _failing(claim: Claim, again: datetime, now: datetime) -> dict[str, Any]:
    return {
        "claim": None,
        "next_at": again,
        "status": Status.FAILING,
        "failures": claim.failures + 1,
        "failing_since": _since(now),
    }


def _since(now: datetime) -> ColumnElement[datetime]:
    """Return when it began to fail: now, unless it fails already."""
    return func.coalesce(User.failing_since, now)


def _needs_the_person(now: datetime, reason: Reason) -> dict[str, Any]:
    return {
        "claim": None,
        "next_at": None,
        "status": Status.RECONNECT,
        "reason": reason.value,
        "ended_at": now,
        "failing_since": None,
    }


def _error_columns(error: Exception) -> dict[str, Any]:
    if isinstance(error, TikTokError):
        return {"last_error": error.code, "last_log_id": error.log_id or None}
    return {"last_error": type(error).__name__, "last_log_id": None}
