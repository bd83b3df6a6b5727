"""One refresh per account, from every door: page, API, worker, operator, command.

Claim, call with nothing held, land. Never calls TikTok inside a transaction.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import reading
from webapp.models import PersonRef, Status, User
from webapp.services import authority
from webapp.services.house import House
from webapp.services.installation import binding
from webapp.services.refresh import brakes, rescue
from webapp.services.refresh.access import (
    Access,
    NotConnected,
    Pending,
    ReconnectRequired,
    access,
    at_hand,
    is_good,
    note_use,
)
from webapp.services.refresh.calling import attempt, close_over
from webapp.services.refresh.claims import Claim, claim_one
from webapp.services.refresh.landing import land
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.vault import CannotOpen

__all__ = [
    "Access",
    "CannotOpen",
    "NotConnected",
    "Pending",
    "ReconnectRequired",
    "fresh",
]

log = structlog.get_logger(__name__)

MIN_TTL = timedelta(seconds=300)
#: How long a caller waits for whoever has the claim.
PATIENCE = timedelta(seconds=10)
_FIRST_LOOK, _LONGEST_LOOK = 0.03, 0.25


def fresh(
    house: House,
    open_id: str,
    *,
    person: PersonRef | None = None,
    min_ttl: timedelta = MIN_TTL,
    rejected_version: int | None = None,
    pressed: bool = False,
) -> Access:
    """Return an access token with at least `min_ttl` left, refreshing once for all who ask.

    `person`: only while the open_id is still this person's, and not of somebody who deleted the
    account and connected again. `rejected_version`: TikTok answered 401 to that version, so it is
    refreshed however long it has left; a newer one is returned as it is. `pressed`: a person asks,
    back-off does not bind. A token that is still valid is returned with a warning while a better
    one cannot be had.
    Raises NotConnected, ReconnectRequired, Pending, CannotOpen, NoLongerAllowed.
    """
    user = _row(house, open_id, person)
    if pressed:
        rejected_version = user.version
    found = at_hand(house, user, min_ttl, rejected_version, house.clock())
    if found is None:
        user = _renewed(house, user, min_ttl, rejected_version, back_off=not pressed)
        found = _best(house, user, min_ttl, rejected_version)
    note_use(user, house.clock())
    return found


def _row(house: House, open_id: str, person: PersonRef | None) -> User:
    query = select(User).where(
        User.client_key == house.settings.tiktok_client_key, User.open_id == open_id
    )
    if person is not None:
        query = query.where(User.is_(person))
    with reading() as session:
        user = session.scalar(query)
    if user is None:
        raise NotConnected
    return user


def _renewed(
    house: House, user: User, min_ttl: timedelta, rejected: int | None, *, back_off: bool
) -> User:
    """Refresh, or wait for whoever does; return the row as it is afterwards.

    Raises NotConnected, NoLongerAllowed.
    """
    end = house.clock() + PATIENCE
    look = _FIRST_LOOK
    while True:
        claim = _claimed(house, user, back_off=back_off)
        if claim is not None:
            if not close_over(house, claim):
                land(house, [attempt(house, claim)])
            return _row(house, user.open_id, user.ref)
        user = _row(house, user.open_id, user.ref)
        now = house.clock()
        waiting = user.claim is not None and user.next_at is not None and user.next_at > now
        if is_good(user, min_ttl, rejected, now) or not waiting or now >= end:
            return user
        _pause(look)
        authority.check()
        look = min(look * 1.5, _LONGEST_LOOK)


def _claimed(house: House, user: User, *, back_off: bool) -> Claim | None:
    now = house.clock()
    if _is_held(user, now, back_off=back_off) or binding.mismatch(house) is not None:
        return None
    if not _is_replayed(house):
        return None
    # Before the one probe of half a minute is taken.
    authority.check()
    if brakes.permit(house, 1, now).count == 0:
        return None
    claim = claim_one(house, user.ref, now, version=user.version, back_off=back_off)
    if claim is not None and binding.mismatch(house) is not None:
        # The database was copied away in this very moment.
        land(house, [Result(claim, NotSent(), now)])
        return None
    return claim


def _is_replayed(house: House) -> bool:
    """Put rescued answers in before anything is sent: their refresh tokens are spent already."""
    try:
        if rescue.waiting(house):
            rescue.replay(house)
    except (OSError, SQLAlchemyError) as error:
        log.error("rescue_not_read", error=type(error).__name__)
        return False
    return True


def _is_held(user: User, now: datetime, *, back_off: bool) -> bool:
    """Tell whether a lease or the back-off keeps callers off; asked before a probe is taken."""
    bound = user.claim is not None or (back_off and user.status == Status.FAILING)
    return bound and user.next_at is not None and user.next_at > now


def _best(house: House, user: User, min_ttl: timedelta, rejected: int | None) -> Access:
    """Return the token that is there after all that could be done. Raises Pending and the rest."""
    now = house.clock()
    found = at_hand(house, user, min_ttl, rejected, now)
    if found is not None:
        return found
    refused = rejected is not None and user.version <= rejected
    if not refused and user.access_expires_at is not None and user.access_expires_at > now:
        return access(house, user, min_ttl, now, "refresh_pending")
    raise Pending(_wait(user, now), user.last_error or "refreshing")


def _wait(user: User, now: datetime) -> timedelta:
    """Return when asking again makes sense: after a lease or a back-off, else after a probe."""
    bound = user.claim is not None or user.status == Status.FAILING
    if not bound or user.next_at is None:
        # Its next time may be hours ahead: what is in the way is the breaker or the installation.
        return brakes.PROBE_EVERY
    return max(user.next_at - now, timedelta(seconds=1))


_pause: Callable[[float], object] = threading.Event().wait
