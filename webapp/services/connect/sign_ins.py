"""Used OAuth states, and the record of failed sign-ins."""

import hashlib
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import AuditEvent, SpentState
from webapp.services.records import audit
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

#: Longer than an attempt lives in a browser, so a used state isn't mistaken for an unknown one.
STATES_REMEMBERED = timedelta(hours=1)
#: Anyone can call the callback without an account, so what that stores is limited per hour
#: (decisions/0018): for browsers that started a sign-in here,
MAX_FROM_HERE = 1000
#: and for all others, who can't use up the first limit.
MAX_FROM_STRANGERS = 100
HOUR = timedelta(hours=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def spend_state(state: str, now: datetime) -> bool:
    """Mark a state as used. Return False if it already was: only one callback wins (rule 17)."""
    try:
        with writing() as session:
            session.execute(delete(SpentState).where(SpentState.spent_at < now - STATES_REMEMBERED))
            session.add(SpentState(digest=_digest(state), spent_at=now))
    except IntegrityError:
        return False
    return True


def is_state_spent(state: str) -> bool:
    """Return True if this state has been used."""
    with reading() as session:
        return session.get(SpentState, _digest(state)) is not None


def record_failed(
    runtime: Runtime, cause: str, code: str, *, on: str | None, from_here: bool
) -> None:
    """Record why a sign-in failed, unless the hourly limit is reached.

    `cause` is the code of the error page, `code` TikTok's error code or empty. `on` is the ticket
    of the person who is signed in, if any. `from_here`: True if the sign-in was started in this
    browser. A database that can't be written is only logged: the person still reads the cause.
    """
    now = runtime.clock()
    limit = MAX_FROM_HERE if from_here else MAX_FROM_STRANGERS
    try:
        with reading() as session:
            if _nth_newest(session, limit) > now - HOUR:
                return
        with writing() as session:
            audit.record(session, now, "connection.not_made", on=on, cause=cause, code=code)
    except SQLAlchemyError as error:
        log.warning("failed_sign_in_not_recorded", error=type(error).__name__)


def _nth_newest(session: Session, position: int) -> datetime:
    """Return when the failed sign-in at this position, newest first, was; long ago if none."""
    query = select(AuditEvent.at).where(AuditEvent.event == "connection.not_made")
    found = session.scalar(
        query.order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).offset(position - 1).limit(1)
    )
    return found or _LONG_AGO


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
