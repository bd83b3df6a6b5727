"""Asks once more, in the transaction of an act, whether the caller may still do it.

The guard of a request has asked already. Between its answer and the write a session may end, an
operator may be removed, a key may be revoked: whoever waits for a lock, or for TikTok, must find
that out. Worker and commands act for nobody who could lose the right.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.actor import acting_as, current_actor
from webapp.database import reading
from webapp.models import BrowserSession, ServiceKey, User


class NoLongerAllowed(Exception):
    """The session has ended, the operator was removed, or the key was revoked."""


class HalfDone(NoLongerAllowed):
    """The right was lost after a part of the act was done, which stays done."""


def require(session: Session) -> None:
    """Return if the caller of this request may act in this transaction. Raises NoLongerAllowed.

    Holds that right until the transaction ends: signing out, removing an operator and revoking a
    key wait for it. So that nobody waits in a circle, rows are locked in this order everywhere:
    people, then sessions, then keys, then all else. Call it between people and all else.
    """
    if not holds(session):
        raise NoLongerAllowed(current_actor().kind)


def holds(session: Session) -> bool:
    """Return True if the caller of this request may act in this transaction (see `require`)."""
    actor = current_actor()
    if not actor.credential:
        return True
    if actor.kind == "service":
        held = select(ServiceKey.id).where(
            ServiceKey.id == actor.credential, ServiceKey.revoked_at.is_(None)
        )
    else:
        held = select(BrowserSession.digest).where(BrowserSession.digest == actor.credential)
    if session.scalar(held.with_for_update(read=True)) is None:
        return False
    return actor.kind != "operator" or _is_operator(session, actor.credential)


def check() -> None:
    """Do the same for an act that only asks something of TikTok. Raises NoLongerAllowed."""
    if current_actor().credential:
        with reading() as session:
            require(session)


def while_allowed(pieces: Iterator[str]) -> Iterator[str]:
    """Yield the pieces of a long answer for as long as its caller may have them.

    A reader may take hours over it. Raises NoLongerAllowed between two pieces.
    """
    actor = current_actor()

    def checked() -> Iterator[str]:
        while True:
            with acting_as(actor):
                check()
            piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    return checked()


def _is_operator(session: Session, digest: str) -> bool:
    # A statement of its own: PostgreSQL shows it what was committed while we waited for the lock.
    query = (
        select(User.id)
        .join(BrowserSession, BrowserSession.user_id == User.id)
        .where(BrowserSession.digest == digest, User.operator_since.is_not(None))
    )
    return session.scalar(query) is not None
