"""Makes the one call to TikTok that a claim allows, or none if the grant has expired already.

The call is never made inside a transaction, and never twice under the same claim.
"""

import time

import structlog
from sqlalchemy import update

from webapp.database import writing
from webapp.models import Reason, User, connection_state
from webapp.services.refresh import answer_store, clock_errors
from webapp.services.refresh.claims import SEND_WITHIN, Claim
from webapp.services.refresh.verdicts import CannotOpenRow, NotSent, Result
from webapp.services.runtime import Runtime
from webapp.tiktok.errors import TikTokError, WrongAccount

log = structlog.get_logger(__name__)


def attempt(runtime: Runtime, claim: Claim) -> Result:
    """Make the one call of a claim and return its result. Raises nothing and writes no row."""
    now = runtime.clock()
    began: float | None = None
    try:
        if now - claim.claimed_at > SEND_WITHIN:
            raise NotSent
        if claim.held is None or not claim.held.refresh_token:
            raise CannotOpenRow
        began = time.monotonic()
        tokens = runtime.provider.refresh(claim.held.refresh_token)
        if tokens.open_id not in (None, claim.user.open_id):
            raise WrongAccount("other_open_id")
        return Result(claim, tokens, runtime.clock(), _since(began))
    except (TikTokError, NotSent, CannotOpenRow) as error:
        return Result(claim, error, runtime.clock(), _since(began))
    except Exception as error:  # noqa: BLE001  whatever fails here must release the claim
        log.error("refresh_crashed", open_id=claim.user.open_id, error=type(error).__name__)
        return Result(claim, error, runtime.clock())


def _since(began: float | None) -> int | None:
    """Return how many milliseconds TikTok took; None if it was not asked."""
    return None if began is None else round((time.monotonic() - began) * 1000)


def end_if_expired(runtime: Runtime, claim: Claim) -> bool:
    """Mark a grant that has expired, without a call (rule 39); return False if it has not.

    If so many have expired that the clock must be doubted, it is only held back.
    """
    now = runtime.clock()
    if not claim.user.grant_over(now):
        return False
    with writing() as session:
        if clock_errors.hold_if_doubtful(session, runtime, claim, now):
            log.error("clock_in_doubt", open_id=claim.user.open_id)
            return True
        done = session.scalar(
            update(User)
            .where(User.is_(claim.user.ref), User.claim == claim.name)
            .where(User.version == claim.user.version)
            .values(connection_state.needs_person(Reason.GRANT_OVER, now))
            .returning(User.id)
        )
        if done is not None:
            reason = Reason.GRANT_OVER.value
            answer_store.record_reconnect_required(
                session, runtime, now, claim.user.open_id, claim.user.ticket, reason, code=""
            )
    log.warning("grant_expired", open_id=claim.user.open_id)
    return True
