"""Returns an access token that works: the stored one, or a new one after a refresh.

Pages, the API, operators and commands all come here, and all who ask for one account share one
refresh: claim it, call TikTok with no transaction open, store the answer.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import reading, writing
from webapp.models import PersonRef, Status, User
from webapp.services import authority, people
from webapp.services.installation import binding
from webapp.services.refresh import breaker, rescue_file
from webapp.services.refresh.attempt import attempt, end_if_expired
from webapp.services.refresh.claims import Claim, claim_one
from webapp.services.refresh.store import store_answers
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

#: `last_used_at` is written at most this often.
RECORD_USE_EVERY = timedelta(hours=1)


class ConnectionRow(Protocol):
    """What of a person's row decides about a hand-out: a `User`, or those columns alone."""

    id: int
    open_id: str
    status: str
    reason: str | None
    ended_at: datetime | None
    access_token: str | None
    scope: str
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    refreshed_at: datetime | None
    version: int
    last_error: str | None


class NotConnected(Exception):
    """Nobody with this open_id has connected here."""


class ReconnectRequired(Exception):
    """Only the person can fix it, by connecting again."""

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


def stored_access(
    runtime: Runtime, row: ConnectionRow, min_ttl: timedelta, rejected: int | None, now: datetime
) -> Access | None:
    """Return the row's access token if it is good as it is; None if a refresh is needed.

    Raises ReconnectRequired, CannotOpen.
    """
    raise_if_ended(row, now)
    return (
        build_access(runtime, row, min_ttl, now)
        if is_good_enough(row, min_ttl, rejected, now)
        else None
    )


def raise_if_ended(row: ConnectionRow, now: datetime) -> None:
    """Raise ReconnectRequired if no refresh can bring this connection back."""
    if row.status in (Status.REVOKING, Status.REVOKED):
        raise ReconnectRequired("disconnected", row.ended_at)
    if row.status == Status.RECONNECT:
        raise ReconnectRequired(row.reason or "refused", row.ended_at)
    if row.refresh_expires_at is not None and row.refresh_expires_at <= now:
        raise ReconnectRequired("grant_over", row.refresh_expires_at)


def is_good_enough(
    row: ConnectionRow, min_ttl: timedelta, rejected: int | None, now: datetime
) -> bool:
    """Tell whether the token lives long enough, and is newer than what TikTok rejected."""
    if row.access_expires_at is None or (rejected is not None and row.version <= rejected):
        return False
    return row.access_expires_at - now > _margin(row, row.access_expires_at, min_ttl)


def build_access(
    runtime: Runtime, row: ConnectionRow, min_ttl: timedelta, now: datetime, *more: str
) -> Access:
    """Return the row's token with its warnings. Raises CannotOpen."""
    if row.access_token is None or row.access_expires_at is None:
        raise CannotOpen("there is no token in this row")
    warnings = list(more)
    if not more and row.access_expires_at - now < min_ttl:
        warnings.append("shorter_than_asked")
    if row.last_error == "life_unknown":
        warnings.append("life_unknown")
    return Access(
        open_id=row.open_id,
        access_token=runtime.vault.access_token(row.open_id, row.access_token),
        scopes=frozenset(filter(None, row.scope.split(","))),
        expires_at=row.access_expires_at,
        refreshed_at=row.refreshed_at,
        version=row.version,
        warnings=tuple(warnings),
    )


def record_use(row: User, now: datetime) -> None:
    """Write down that somebody uses this connection, at most hourly."""
    if row.last_used_at is not None and now - row.last_used_at < RECORD_USE_EVERY:
        return
    with writing() as session:
        if not authority.holds(session):
            return
        session.execute(
            update(User)
            .where(User.is_(row.ref))
            .values(last_used_at=now)
            .execution_options(synchronize_session=False)
        )


def _margin(row: ConnectionRow, expires_at: datetime, min_ttl: timedelta) -> timedelta:
    """Return the life that must be left: never more than half of a token's whole (rule 31)."""
    if row.refreshed_at is None:
        return min_ttl
    return min(min_ttl, (expires_at - row.refreshed_at) / 2)


log = structlog.get_logger(__name__)

MIN_TTL = timedelta(seconds=300)
#: How long a caller waits for whoever has the claim.
PATIENCE = timedelta(seconds=10)
_FIRST_POLL, _LONGEST_POLL = 0.03, 0.25


def fresh_access(
    runtime: Runtime,
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
    user = _row(runtime, open_id, person)
    if pressed:
        rejected_version = user.version
    found = stored_access(runtime, user, min_ttl, rejected_version, runtime.clock())
    if found is None:
        user = _refreshed(runtime, user, min_ttl, rejected_version, back_off=not pressed)
        found = _best_available(runtime, user, min_ttl, rejected_version)
    record_use(user, runtime.clock())
    return found


def _row(runtime: Runtime, open_id: str, person: PersonRef | None) -> User:
    query = people.by_open_id(runtime, open_id)
    if person is not None:
        query = query.where(User.is_(person))
    with reading() as session:
        user = session.scalar(query)
    if user is None:
        raise NotConnected
    return user


def _refreshed(
    runtime: Runtime, user: User, min_ttl: timedelta, rejected: int | None, *, back_off: bool
) -> User:
    """Refresh, or wait for whoever does; return the row as it is afterwards.

    Raises NotConnected, NoLongerAllowed.
    """
    end = runtime.clock() + PATIENCE
    look = _FIRST_POLL
    while True:
        claim = _try_claim(runtime, user, back_off=back_off)
        if claim is not None:
            if not end_if_expired(runtime, claim):
                store_answers(runtime, [attempt(runtime, claim)])
            return _row(runtime, user.open_id, user.ref)
        user = _row(runtime, user.open_id, user.ref)
        now = runtime.clock()
        waiting = user.claim is not None and user.next_at is not None and user.next_at > now
        if is_good_enough(user, min_ttl, rejected, now) or not waiting or now >= end:
            return user
        _pause(look)
        authority.check()
        look = min(look * 1.5, _LONGEST_POLL)


def _try_claim(runtime: Runtime, user: User, *, back_off: bool) -> Claim | None:
    now = runtime.clock()
    if _is_held(user, now, back_off=back_off) or binding.mismatch(runtime) is not None:
        return None
    if not _rescue_file_is_replayed(runtime):
        return None
    # Before the one probe of half a minute is taken.
    authority.check()
    if breaker.permit(runtime, 1, now).count == 0:
        return None
    claim = claim_one(runtime, user.ref, now, version=user.version, back_off=back_off)
    if claim is not None and binding.mismatch(runtime) is not None:
        # The database was copied away in this very moment.
        store_answers(runtime, [Result(claim, NotSent(), now)])
        return None
    return claim


def _rescue_file_is_replayed(runtime: Runtime) -> bool:
    """Put rescued answers in before anything is sent: their refresh tokens are spent already."""
    try:
        if rescue_file.has_answers(runtime):
            rescue_file.replay(runtime)
    except (OSError, SQLAlchemyError) as error:
        log.error("rescue_not_read", error=type(error).__name__)
        return False
    return True


def _is_held(user: User, now: datetime, *, back_off: bool) -> bool:
    """Tell whether a lease or the back-off keeps callers off; asked before a probe is taken."""
    bound = user.claim is not None or (back_off and user.status == Status.FAILING)
    return bound and user.next_at is not None and user.next_at > now


def _best_available(
    runtime: Runtime, user: User, min_ttl: timedelta, rejected: int | None
) -> Access:
    """Return the token that is there after all that could be done. Raises Pending and the rest."""
    now = runtime.clock()
    found = stored_access(runtime, user, min_ttl, rejected, now)
    if found is not None:
        return found
    refused = rejected is not None and user.version <= rejected
    if not refused and user.access_expires_at is not None and user.access_expires_at > now:
        return build_access(runtime, user, min_ttl, now, "refresh_pending")
    raise Pending(_retry_after(user, now), user.last_error or "refreshing")


def _retry_after(user: User, now: datetime) -> timedelta:
    """Return when asking again makes sense: after a lease or a back-off, else after a probe."""
    bound = user.claim is not None or user.status == Status.FAILING
    if not bound or user.next_at is None:
        # Its next time may be hours ahead: what is in the way is the breaker or the installation.
        return breaker.PROBE_EVERY
    return max(user.next_at - now, timedelta(seconds=1))


_pause: Callable[[float], object] = threading.Event().wait
