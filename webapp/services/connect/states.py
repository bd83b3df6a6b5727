"""Which states have come back already, for all processes; never holds a state, only its hash."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from webapp.database import reading, writing
from webapp.models import SpentState

#: Longer than any attempt lives in a browser, so that a used one is told from an unknown one.
REMEMBERED = timedelta(hours=1)


def spend(state: str, now: datetime) -> bool:
    """Use a state up. False if it was used before: of two returns at once one wins (rule 17)."""
    try:
        with writing() as session:
            session.execute(delete(SpentState).where(SpentState.spent_at < now - REMEMBERED))
            session.add(SpentState(digest=_digest(state), spent_at=now))
    except IntegrityError:
        return False
    return True


def is_spent(state: str) -> bool:
    """Tell whether this state came back already."""
    with reading() as session:
        return session.get(SpentState, _digest(state)) is not None


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
