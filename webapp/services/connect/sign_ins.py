"""Sign-ins that are answered again or have failed."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import structlog
from sqlalchemy import Row, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import AuditEvent, PersonRef
from webapp.services import people
from webapp.services.connect import sessions, spent_states
from webapp.services.connect.connect import Connected, Kind
from webapp.services.connect.sessions import Device
from webapp.services.records import audit
from webapp.services.runtime import Runtime

Result = Literal["done", "failed", "unknown"]
log = structlog.get_logger(__name__)

#: How long a second delivery of a return waits for the first, and how often it checks, in seconds.
PATIENCE = 15.0
_POLL_SECONDS = 0.05
#: A sign-in that has recorded nothing by then has failed.
LONGEST_SIGN_IN = timedelta(minutes=1)
#: Anyone can call the callback without an account, so what that stores is limited per hour
#: (decisions/0018): for browsers that started a sign-in here,
MAX_FROM_HERE = 1000
#: and for all others, who can't use up the first limit.
MAX_FROM_STRANGERS = 100
HOUR = timedelta(hours=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def sign_in_again(runtime: Runtime, state: str, device: Device) -> Connected | None:
    """Return the result of a sign-in whose response the browser has lost, with a new session.

    Waits while that sign-in is in progress. None if it connected nobody, or if the session that it
    began has ended. The caller has proved, by its cookie, to be the browser that began the sign-in.
    """
    until = time.monotonic() + PATIENCE
    while True:
        row = spent_states.find(state)
        if row is None or _is_over(row, runtime.clock()) or time.monotonic() > until:
            break
        _pause(_POLL_SECONDS)
    if row is None or row.ticket is None or row.user_id is None or row.session is None:
        return None
    person = PersonRef(row.user_id, row.ticket)
    now = runtime.clock()
    secret = sessions.begin_again(runtime, person, row.session, device, now)
    user = people.find(person)
    if secret is None or user is None:
        return None
    added = tuple(filter(None, (row.added or "").split(",")))
    return Connected(person, user.open_id, cast(Kind, row.kind), added, secret)


def result_of(runtime: Runtime, state: str) -> Result:
    """Return what the sign-in with this used state led to.

    "unknown": it may still be in progress, or its result couldn't be recorded.
    """
    row = spent_states.find(state)
    if row is not None and row.ticket is not None:
        return "done"
    return "failed" if row is not None and row.kind == spent_states.FAILED else "unknown"


def record_failed(
    runtime: Runtime, cause: str, code: str, *, on: str | None, from_here: bool, ended: str = ""
) -> None:
    """Record why a sign-in failed, in the audit only up to its hourly limit.

    `cause` is the code of the error page, `code` TikTok's error code or empty. `on` is the ticket
    of the person who is signed in, if any. `from_here`: True if the sign-in was started in this
    browser. `ended` is its state, if this is its end and nothing of it was stored. A database that
    can't be written is only logged: the person still reads the cause.
    """
    now = runtime.clock()
    limit = MAX_FROM_HERE if from_here else MAX_FROM_STRANGERS
    try:
        with reading() as session:
            too_many = _nth_newest(session, limit) > now - HOUR
        if too_many and not ended:
            return
        with writing() as session:
            if ended:
                spent_states.record_failed(session, ended)
            if not too_many:
                audit.record(session, now, "connection.not_made", on=on, cause=cause, code=code)
    except SQLAlchemyError as error:
        log.warning("failed_sign_in_not_recorded", error=type(error).__name__)


def _is_over(row: Row[Any], now: datetime) -> bool:
    """Return True if nothing more will be recorded about this sign-in."""
    known = row.ticket is not None or row.kind == spent_states.FAILED
    return known or now - row.spent_at > LONGEST_SIGN_IN


def _nth_newest(session: Session, position: int) -> datetime:
    """Return when the failed sign-in at this position, newest first, was; long ago if none."""
    query = select(AuditEvent.at).where(AuditEvent.event == "connection.not_made")
    found = session.scalar(
        query.order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).offset(position - 1).limit(1)
    )
    return found or _LONG_AGO


_pause: Callable[[float], object] = threading.Event().wait
