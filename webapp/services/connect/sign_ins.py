"""OAuth states that are spent, and the record of sign-ins that failed."""

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import AuditEvent, SpentState
from webapp.services.records import audit
from webapp.services.runtime import Runtime

#: Longer than any attempt lives in a browser, so that a used one is told from an unknown one.
STATES_REMEMBERED = timedelta(hours=1)


def spend_state(state: str, now: datetime) -> bool:
    """Use a state up. False if it was used before: of two returns at once one wins (rule 17)."""
    try:
        with writing() as session:
            session.execute(delete(SpentState).where(SpentState.spent_at < now - STATES_REMEMBERED))
            session.add(SpentState(digest=_digest(state), spent_at=now))
    except IntegrityError:
        return False
    return True


def is_state_spent(state: str) -> bool:
    """Tell whether this state came back already."""
    with reading() as session:
        return session.get(SpentState, _digest(state)) is not None


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


#: Anybody can come back without an account, so what they leave is bounded (decisions/0018): so
#: many rows an hour of those who left for TikTok from here,
MAX_FROM_HERE = 1000
#: and so many of all others, who thus crowd out nobody.
MAX_FROM_STRANGERS = 100
HOUR = timedelta(hours=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def record_failed(
    runtime: Runtime, cause: str, code: str, *, on: str | None, from_here: bool
) -> None:
    """Write down why a sign-in ended, under the actor's reference.

    `cause` is the code of the page that tells it, `code` TikTok's own word, empty where it said
    none. `on` is the ticket of whoever is signed in. `from_here`: it used up an attempt of this
    browser's.
    """
    now = runtime.clock()
    most = MAX_FROM_HERE if from_here else MAX_FROM_STRANGERS
    with reading() as session:
        if _last_but(session, most - 1) > now - HOUR:
            return
    with writing() as session:
        audit.record(session, now, "connection.not_made", on=on, cause=cause, code=code)


def _last_but(session: Session, count: int) -> datetime:
    """Return when the last such event but `count` was written; long ago, if there are fewer."""
    query = select(AuditEvent.at).where(AuditEvent.event == "connection.not_made")
    found = session.scalar(
        query.order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).offset(count).limit(1)
    )
    return found or _LONG_AGO
