"""What a wrong clock does: hold back what it alone would end, and undo what it did.

A clock that is a year ahead makes every grant look expired. TikTok isn't asked about those, so
nothing else contradicts the clock.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import Reason, Status, User, connection_state
from webapp.services.notifications import outbox
from webapp.services.refresh import schedule
from webapp.services.refresh.claims import Claim
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

#: A running worker notices within this time that a grant has expired.
NOTICED_WITHIN = timedelta(days=1)
#: So many grants may be noticed later than that before the clock is doubted.
FEW = 5
#: How long a doubted clock must show the same before it is believed.
HELD_FOR = timedelta(days=1)
#: Our code for a connection that is held back.
CLOCK_IN_DOUBT = "clock_in_doubt"
#: No wait, lease or clock difference between two hosts is longer.
AHEAD = timedelta(hours=1)
#: What waits longer was made up for a demo and is never refreshed, unless its dates are ahead, too.
FARTHEST = timedelta(days=300)
#: Rows that are repaired in one transaction.
AT_ONCE = 500
#: So many connections that have begun to fail last are searched for one that is held back.
LOOKED_AT = 500
_KEPT = (Status.ACTIVE, Status.FAILING)


def hold_if_doubtful(session: Session, runtime: Runtime, claim: Claim, now: datetime) -> bool:
    """Hold back a connection whose grant only the clock would end; return False if it may end.

    True if many grants expired more than a day ago without anyone having noticed: either no worker
    ran, or the clock is ahead. It is believed after a day.
    """
    ended_at = claim.user.refresh_expires_at
    if ended_at is None or now - ended_at < NOTICED_WITHIN:
        return False
    since = session.scalar(select(User.failing_since).where(User.is_(claim.user.ref)))
    if since is not None and now - since >= HELD_FOR:
        return False
    overdue = (
        select(User.id)
        .where(User.client_key == runtime.settings.tiktok_client_key, User.status.in_(_KEPT))
        .where(User.refresh_expires_at < now - NOTICED_WITHIN)
        .limit(FEW + 1)
    )
    if (session.scalar(select(func.count()).select_from(overdue.subquery())) or 0) <= FEW:
        return False
    again = now + timedelta(seconds=schedule.LONGEST_WAIT)
    held = connection_state.failing(claim.user.failures, again, now) | connection_state.error(
        CLOCK_IN_DOUBT
    )
    session.execute(
        update(User)
        .where(
            User.is_(claim.user.ref), User.claim == claim.name, User.version == claim.user.version
        )
        .values(held)
    )
    outbox.enqueue_alarm(session, runtime, now, "mass_expiry", "clock", None)
    return True


def is_in_doubt(runtime: Runtime) -> bool:
    """Return True if connections are held back because the clock may be wrong."""
    failing = (
        select(User.last_error)
        .where(User.client_key == runtime.client_key, User.status == Status.FAILING)
        # By the index of these; without it, all connections would be read.
        .where(User.failing_since.is_not(None))
        .order_by(User.failing_since.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    with reading() as session:
        held = select(failing.c.last_error).where(failing.c.last_error == CLOCK_IN_DOUBT)
        return session.scalar(held.limit(1)) is not None


def repair(runtime: Runtime, now: datetime) -> bool:
    """Undo a batch of what a clock that was ahead has left; return True if there may be more.

    Connections that it ended are refreshed again, and nothing waits until the clock has caught up.
    """
    ended_by_clock = and_(
        User.status == Status.RECONNECT,
        User.reason == Reason.GRANT_OVER,
        User.refresh_expires_at > now,
        User.refresh_token.is_not(None),
    )
    waits = and_(
        User.next_at > now + AHEAD,
        or_(
            and_(User.status.in_((Status.FAILING, Status.REVOKING)), User.next_at < now + FARTHEST),
            User.failing_since > now,
            User.ended_at > now,
            User.claim.is_not(None),
            User.refreshed_at > now + AHEAD,
        ),
    )
    ours = User.client_key == runtime.settings.tiktok_client_key
    found = select(User.id).where(ours, or_(ended_by_clock, waits)).order_by(User.id)
    with reading() as session:
        ids = session.scalars(found.limit(AT_ONCE)).all()
    if not ids:
        return False
    with writing(durable=True) as session:
        restored = session.execute(
            update(User)
            .where(User.id.in_(ids), ended_by_clock)
            .values(connection_state.works_again() | {"next_at": now})
            .returning(User.open_id, User.ticket)
        ).all()
        session.execute(update(User).where(User.id.in_(ids), waits).values(next_at=now))
        for open_id, ticket in restored:
            fields = {"open_id": open_id, "ticket": ticket}
            outbox.enqueue(session, runtime, now, "connection.restored", fields)
    log.warning("clock_was_ahead", connections=len(ids), restored=len(restored))
    return len(ids) == AT_ONCE
