"""Writes down sign-ins that connected nobody, a bounded number an hour; judges none of them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import AuditEvent
from webapp.services.house import House
from webapp.services.records import audit

#: Anybody can come back without an account, so what they leave is bounded (decisions/0018): so
#: many rows an hour of those who left for TikTok from here,
FROM_HERE = 1000
#: and so many of all others, who thus crowd out nobody.
STRANGERS = 100
HOUR = timedelta(hours=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def note(house: House, cause: str, code: str, *, on: str | None, from_here: bool) -> None:
    """Write down why a sign-in ended, under the actor's reference.

    `cause` is the code of the page that tells it, `code` TikTok's own word, empty where it said
    none. `on` is the ticket of whoever is signed in. `from_here`: it used up an attempt of this
    browser's.
    """
    now = house.clock()
    most = FROM_HERE if from_here else STRANGERS
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
