"""Decides what an answer means for its row; writes nothing and calls nobody.

docs/decisions explains why it takes two refusals a minute apart, and why a version guards the row.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from webapp.actor import Actor, current_actor
from webapp.models import Reason, connection_state
from webapp.services.refresh import schedule
from webapp.services.refresh.breaker import PROBE_EVERY, Outcome
from webapp.services.refresh.claims import Claim
from webapp.tiktok.errors import ConnectAgain, OurConfiguration, TikTokError, TryLater, WrongAccount
from webapp.tokens import TokenSet

#: The second refusal counts only this long after the first.
SECOND_REFUSAL_AFTER = timedelta(seconds=60)
#: How long we retry a revocation to which TikTok isn't responding.
KEEP_REVOKING = timedelta(hours=24)


class NotSent(Exception):
    """The claim was too old to be used, or the worker is stopping: no request was sent."""


class CannotOpenRow(Exception):
    """The row is sealed under a key that we do not have."""


Answer = TokenSet | Exception


@dataclass(frozen=True, slots=True)
class Result:
    """A claim and its answer."""

    claim: Claim
    answer: Answer = field(repr=False)
    received_at: datetime
    #: How long TikTok took to answer, in milliseconds; None: it was not asked.
    ms: int | None = None
    by: Actor = field(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The columns to write while claim and version still match, and the outcome for the breaker."""

    columns: dict[str, Any]
    outcome: Outcome
    #: A word for the log.
    word: str


def verdict_of(claim: Claim, error: Exception, now: datetime, *, mass: bool) -> Verdict:
    """Return what a failed refresh means; TikTok's code decides before the HTTP status.

    `mass`: TikTok rejects so many grants that no connection is marked for it.
    """
    match error:
        case NotSent():
            return Verdict(connection_state.released(now), Outcome(), "not_sent")
        case CannotOpenRow():
            columns = connection_state.released(_longest_wait(now)) | connection_state.error(
                "cannot_open"
            )
            return Verdict(columns, Outcome("k"), "key")
        case OurConfiguration():
            # The row waits for the next probe and is not marked: it is not the person's doing.
            columns = connection_state.released(now + PROBE_EVERY)
            return Verdict(columns, Outcome(config=error.code), "config")
        case WrongAccount():
            columns = connection_state.released(_longest_wait(now)) | _error_columns(error)
            return Verdict(columns, Outcome(), "another_account")
        case ConnectAgain():
            return _refused(claim, now, error, mass=mass)
        case TryLater() if error.status == 429 or error.code == "rate_limit_exceeded":
            return _throttled(claim, now, error)
        case TryLater(outcome_unknown=True):
            return _ambiguous(claim, now, error)
    return _transient(claim, now, error)


def _refused(claim: Claim, now: datetime, error: ConnectAgain, *, mass: bool) -> Verdict:
    """TikTok says that the grant is dead. It must say so twice before it counts.

    After an interruption the cause is known: such rows say nothing about TikTok, and a mass
    rejection does not hold them back. Otherwise a killed worker's rows, retried again and again,
    would look like a mass rejection that never ends.
    """
    first = claim.user.refused_at or now
    mass = mass and not claim.user.interrupted
    outcome = Outcome("i" if claim.user.interrupted else "g")
    if not mass and now - first >= SECOND_REFUSAL_AFTER:
        reason = Reason.INTERRUPTED if claim.user.interrupted else Reason.REFUSED
        columns = connection_state.needs_person(reason, now) | _error_columns(error)
        return Verdict(columns, outcome, "needs_person")
    retry_at = max(first + SECOND_REFUSAL_AFTER, now + timedelta(seconds=5))
    if mass:
        retry_at = max(retry_at, _back_off(claim, now))
    columns = (
        _failing(claim, retry_at, now)
        | _error_columns(error)
        | connection_state.refused_once(first)
    )
    return Verdict(columns, outcome, "mass_rejection" if mass else "refused_once")


def _throttled(claim: Claim, now: datetime, error: TryLater) -> Verdict:
    asked = timedelta(seconds=min(error.retry_after or 0, schedule.LONGEST_WAIT))
    retry_at = max(now + asked, _back_off(claim, now))
    # Not a failure of this connection, so it is not counted as one.
    columns = connection_state.failing(claim.user.failures, retry_at, now) | _error_columns(error)
    return Verdict(columns, Outcome(throttled=True), "throttled")


def _ambiguous(claim: Claim, now: datetime, error: TryLater) -> Verdict:
    """The request was sent, no complete answer came: TikTok may have rotated. Retry once soon."""
    retry_at = _back_off(claim, now) if claim.user.interrupted else schedule.soon(now)
    columns = (
        _failing(claim, retry_at, now) | _error_columns(error) | connection_state.interrupted()
    )
    return Verdict(columns, Outcome("t"), "ambiguous")


def _transient(claim: Claim, now: datetime, error: Exception) -> Verdict:
    columns = _failing(claim, _back_off(claim, now), now) | _error_columns(error)
    if isinstance(error, TryLater) and error.code == "answer_unusable" and error.status == 200:
        # TikTok may have rotated; a refusal afterwards is then not the person's doing.
        columns |= connection_state.interrupted()
    return Verdict(columns, Outcome("t"), "transient")


def _failing(claim: Claim, retry_at: datetime, now: datetime) -> connection_state.Columns:
    return connection_state.failing(claim.user.failures + 1, retry_at, now)


def _back_off(claim: Claim, now: datetime) -> datetime:
    return schedule.back_off(claim.user.failures, now, claim.user.access_expires_at)


def _longest_wait(now: datetime) -> datetime:
    return now + timedelta(seconds=schedule.LONGEST_WAIT)


def _error_columns(error: Exception) -> connection_state.Columns:
    if isinstance(error, TikTokError):
        return connection_state.error(error.code, error.log_id)
    return connection_state.error(type(error).__name__)
