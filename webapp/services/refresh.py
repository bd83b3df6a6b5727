"""One refresh per account, from every door: page, API, worker, operator, command.

Claim, call with nothing held, land. Never calls TikTok inside a transaction.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update

from webapp.database import reading, writing
from webapp.models import Status, User
from webapp.services import brakes, installation, verdicts
from webapp.services.claims import SEND_WITHIN, Claim, claim_one
from webapp.services.house import House
from webapp.services.landing import land
from webapp.services.vault import CannotOpen
from webapp.services.verdicts import CannotOpenRow, NotSent, Result
from webapp.tiktok.errors import TikTokError, WrongAccount

log = structlog.get_logger(__name__)

MIN_TTL = timedelta(seconds=300)
#: How long a caller waits for whoever has the claim.
PATIENCE = timedelta(seconds=10)
_FIRST_LOOK, _LONGEST_LOOK = 0.03, 0.25
#: `last_used_at` is written at most this often.
USED_EVERY = timedelta(hours=1)


class NotConnected(Exception):
    """Nobody with this open_id has connected here."""


class ReconnectRequired(Exception):
    """Only the person can mend it, by connecting again."""

    def __init__(self, reason: str, since: datetime | None) -> None:
        """Take one of the words of `Reason` (or "disconnected"), and since when."""
        super().__init__(reason)
        self.reason = reason
        self.since = since


class Pending(Exception):
    """There is no working access token now, and it is TikTok's trouble or ours, not theirs."""

    def __init__(self, retry_after: timedelta, cause: str) -> None:
        """Take how long to wait, and a word: what is in the way."""
        super().__init__(cause)
        self.retry_after = retry_after
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Access:
    """A working access token, for the one who asked."""

    open_id: str
    access_token: str = field(repr=False)
    scopes: frozenset[str]
    expires_at: datetime
    refreshed_at: datetime | None
    #: +1 whenever the token changes.
    version: int
    #: `refresh_pending`: shorter than asked, a refresh is due · `shorter_than_asked`: TikTok
    #: gives no longer one · `life_unknown`: TikTok did not say how long it lives.
    warnings: tuple[str, ...] = ()


def fresh(
    house: House,
    open_id: str,
    *,
    min_ttl: timedelta = MIN_TTL,
    rejected_version: int | None = None,
    pressed: bool = False,
) -> Access:
    """Return an access token with at least `min_ttl` left, refreshing once for all who ask.

    `rejected_version`: TikTok answered 401 to that version, so it is refreshed however long it
    has left; a newer one is returned as it is. `pressed`: a person asks, back-off does not bind.
    A token that is still valid is returned with a warning while a better one cannot be had.
    Raises NotConnected, ReconnectRequired, Pending, CannotOpen.
    """
    user = _row(house, open_id)
    if pressed:
        rejected_version = user.version
    _refuse_ended(user, house.clock())
    if _is_good(user, min_ttl, rejected_version, house.clock()):
        return _access(house, user)
    user = _renewed(house, user, min_ttl, rejected_version, back_off=not pressed)
    _refuse_ended(user, house.clock())
    return _best(house, user, min_ttl, rejected_version)


def attempt(house: House, claim: Claim) -> Result:
    """Make the one call of a claim and return what came of it. Raises nothing, touches no row."""
    now = house.clock()
    try:
        if now - claim.claimed_at > SEND_WITHIN:
            raise NotSent
        if claim.held is None or not claim.held.refresh_token:
            raise CannotOpenRow
        tokens = house.provider.refresh(claim.held.refresh_token)
        if tokens.open_id not in (None, claim.open_id):
            raise WrongAccount("other_open_id")
        return Result(claim, tokens, house.clock())
    except (TikTokError, NotSent, CannotOpenRow) as error:
        return Result(claim, error, house.clock())
    except Exception as error:  # noqa: BLE001  whatever breaks here must give the claim back
        log.error("refresh_broke", open_id=claim.open_id, error=type(error).__name__)
        return Result(claim, error, house.clock())


def close_over(house: House, claim: Claim) -> bool:
    """Mark a grant whose own end has passed, without a call (rule 39). False: it has not."""
    now = house.clock()
    if claim.refresh_expires_at is None or claim.refresh_expires_at > now:
        return False
    with writing() as session:
        session.execute(
            update(User)
            .where(User.id == claim.user_id, User.claim == claim.name)
            .where(User.version == claim.version)
            .values(verdicts.grant_is_over(now))
            .execution_options(synchronize_session=False)
        )
    log.warning("grant_over", open_id=claim.open_id)
    return True


def _row(house: House, open_id: str) -> User:
    with reading() as session:
        user = session.scalar(
            select(User).where(
                User.client_key == house.settings.tiktok_client_key, User.open_id == open_id
            )
        )
    if user is None:
        raise NotConnected
    return user


def _refuse_ended(user: User, now: datetime) -> None:
    if user.status in (Status.REVOKING, Status.REVOKED):
        raise ReconnectRequired("disconnected", user.ended_at)
    if user.status == Status.RECONNECT:
        raise ReconnectRequired(user.reason or "refused", user.ended_at)
    if user.refresh_expires_at is not None and user.refresh_expires_at <= now:
        raise ReconnectRequired("grant_over", user.refresh_expires_at)


def _margin(user: User, min_ttl: timedelta) -> timedelta:
    """Return the life that must be left: never more than half of a token's whole (rule 31)."""
    if user.refreshed_at is None or user.access_expires_at is None:
        return min_ttl
    return min(min_ttl, (user.access_expires_at - user.refreshed_at) / 2)


def _is_good(user: User, min_ttl: timedelta, rejected: int | None, now: datetime) -> bool:
    if user.access_expires_at is None or (rejected is not None and user.version <= rejected):
        return False
    return user.access_expires_at - now > _margin(user, min_ttl)


def _renewed(
    house: House, user: User, min_ttl: timedelta, rejected: int | None, *, back_off: bool
) -> User:
    """Refresh, or wait for whoever does; return the row as it is afterwards."""
    end = house.clock() + PATIENCE
    look = _FIRST_LOOK
    while True:
        claim = _claimed(house, user, back_off=back_off)
        if claim is not None:
            if not close_over(house, claim):
                land(house, [attempt(house, claim)])
            return _row(house, user.open_id)
        user = _row(house, user.open_id)
        now = house.clock()
        waiting = user.claim is not None and user.next_at is not None and user.next_at > now
        if _is_good(user, min_ttl, rejected, now) or not waiting or now >= end:
            return user
        _pause(look)
        look = min(look * 1.5, _LONGEST_LOOK)


def _claimed(house: House, user: User, *, back_off: bool) -> Claim | None:
    now = house.clock()
    if _is_held(user, now, back_off=back_off) or installation.fault(house) is not None:
        return None
    if brakes.permit(house, 1, now).count == 0:
        return None
    return claim_one(house, user.id, now, version=user.version, back_off=back_off)


def _is_held(user: User, now: datetime, *, back_off: bool) -> bool:
    """Tell whether a lease or the back-off keeps callers off; asked before a probe is taken."""
    bound = user.claim is not None or (back_off and user.status == Status.FAILING)
    return bound and user.next_at is not None and user.next_at > now


def _best(house: House, user: User, min_ttl: timedelta, rejected: int | None) -> Access:
    now = house.clock()
    if _is_good(user, min_ttl, rejected, now):
        return _access(house, user)
    refused = rejected is not None and user.version <= rejected
    if not refused and user.access_expires_at is not None and user.access_expires_at > now:
        return _access(house, user, "refresh_pending")
    until = user.next_at if user.next_at is not None and user.next_at > now else now
    raise Pending(max(until - now, timedelta(seconds=1)), user.last_error or "refreshing")


def _access(house: House, user: User, *more: str) -> Access:
    held = house.vault.load(user)
    if held is None or user.access_expires_at is None:
        raise CannotOpen("there is no token in this row")
    _used(user, house.clock())
    warnings = [*more]
    if user.last_error == "life_unknown":
        warnings.append("life_unknown")
    return Access(
        open_id=user.open_id,
        access_token=held.access_token,
        scopes=user.granted,
        expires_at=user.access_expires_at,
        refreshed_at=user.refreshed_at,
        version=user.version,
        warnings=tuple(warnings),
    )


def _used(user: User, now: datetime) -> None:
    """Write down that somebody uses this connection, at most hourly."""
    if user.last_used_at is not None and now - user.last_used_at < USED_EVERY:
        return
    with writing() as session:
        session.execute(
            update(User)
            .where(User.id == user.id)
            .values(last_used_at=now)
            .execution_options(synchronize_session=False)
        )


_pause: Callable[[float], object] = threading.Event().wait
