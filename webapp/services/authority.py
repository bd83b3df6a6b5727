"""Checks again, in the action's own transaction, that the caller is still allowed.

The guard of the request has checked it before. While a request waits for a lock or for TikTok, its
session may end, its operator may be removed or its key may be revoked. The worker and the commands
act for nobody who could lose the right, so nothing is checked for them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.actor import acting_as, current_actor
from webapp.database import reading
from webapp.models import BrowserSession, ServiceKey, User

#: How old a sign-in may be for an action that needs a recent one (decisions/0029).
FRESH_FOR = timedelta(minutes=10)


class NoLongerAllowed(Exception):
    """The session has ended, the operator was removed, or the key was revoked."""


class HalfDone(NoLongerAllowed):
    """The caller lost permission partway; completed work isn't undone."""


class SignInTooOld(Exception):
    """The caller must sign in again before this action, which was not done."""


def require(session: Session) -> None:
    """Check that the caller of this request may act in this transaction.

    Raises NoLongerAllowed if not. Locks that right until the transaction ends: signing out,
    removing an operator and revoking a key wait for it. To avoid deadlocks, rows are locked in this
    order everywhere: people, then sessions, then keys, then everything else. Call this after
    locking people and before the rest.
    """
    if not holds(session):
        raise NoLongerAllowed(current_actor().kind)


def require_fresh(session: Session, now: datetime) -> None:
    """Do the same as `require`, and check that the caller signed in within FRESH_FOR.

    Raises NoLongerAllowed, SignInTooOld.
    """
    require(session)
    actor = current_actor()
    if not actor.credential or actor.kind == "service":
        return
    signed_in = select(BrowserSession.created_at).where(BrowserSession.digest == actor.credential)
    if now - session.scalars(signed_in).one() > FRESH_FOR:
        raise SignInTooOld


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
    """Do the same as `require` for an action that only calls TikTok. Raises NoLongerAllowed."""
    if current_actor().credential:
        with reading() as session:
            require(session)


def while_allowed(pieces: Iterator[str]) -> Iterator[str]:
    """Yield the pieces of a long response while its caller may have them.

    A client may take hours to read it. Raises NoLongerAllowed between two pieces.
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
    # A separate statement: on PostgreSQL it sees what was committed while we waited for the lock.
    query = (
        select(User.id)
        .join(BrowserSession, BrowserSession.user_id == User.id)
        .where(BrowserSession.digest == digest, User.operator_since.is_not(None))
    )
    return session.scalar(query) is not None
