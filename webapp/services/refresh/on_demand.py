"""Returns an access token that works: the stored one, or a new one after a refresh.

Pages, the API, operators and commands all call this, and all callers for one account share one
refresh: claim the connection, call TikTok with no transaction open, store the answer.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import writing
from webapp.models import PersonRef, Status, User
from webapp.models.user import scopes_in
from webapp.services import authority, people
from webapp.services.installation import binding
from webapp.services.refresh import breaker, rescue_file
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt, end_if_expired
from webapp.services.refresh.claims import Claim, claim_one
from webapp.services.refresh.verdicts import CannotOpenRow, NotSent, Result
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen

log = structlog.get_logger(__name__)

#: How long a token must still be valid, unless the caller says otherwise. Stated in openapi.json.
MIN_TTL = timedelta(seconds=300)
#: How long a caller waits for another process that has the claim.
PATIENCE = timedelta(seconds=10)
#: How long an answer waits for the database before it goes to the rescue file, in seconds. With the
#: call before it and one try in progress, it ends within gunicorn's graceful_timeout, so a server
#: that is told to stop loses no answer.
STORE_PATIENCE = 10.0
#: The pauses between two checks of the row meanwhile, in seconds.
_FIRST_POLL, _LONGEST_POLL = 0.03, 0.25
#: `last_used_at` is written at most this often.
RECORD_USE_EVERY = timedelta(hours=1)


class ConnectionRow(Protocol):
    """The columns that decide whether an access token is handed out; a `User` has them too."""

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
    """No account with this open_id is connected here."""


class ReconnectRequired(Exception):
    """Only the person can fix it, by connecting again."""

    def __init__(self, reason: str, since: datetime | None) -> None:
        """Store a value of `Reason` (or "disconnected"), and since when it applies."""
        super().__init__(reason)
        self.reason = reason
        self.since = since


class Pending(Exception):
    """There is no working access token now, because of a problem at TikTok or here."""

    def __init__(self, retry_after: timedelta, cause: str, *, asked: bool = False) -> None:
        """Store how long to wait, a code for the cause, and if this call has asked TikTok."""
        super().__init__(cause)
        self.retry_after = retry_after
        self.cause = cause
        self.asked = asked


@dataclass(frozen=True, slots=True)
class Access:
    """A working access token, for the caller."""

    open_id: str
    access_token: str = field(repr=False)
    scopes: frozenset[str]
    expires_at: datetime
    refreshed_at: datetime | None
    #: +1 whenever the token changes.
    version: int
    #: Different for every token, also after a restored backup, when a version may come again.
    etag: str = ""
    #: `refresh_pending`: expires sooner than requested, a refresh is due · `shorter_than_asked`:
    #: TikTok issues none that lives longer · `life_unknown`: TikTok did not say when it expires.
    warnings: tuple[str, ...] = ()


def fresh_access(
    runtime: Runtime,
    open_id: str,
    *,
    person: PersonRef | None = None,
    min_ttl: timedelta = MIN_TTL,
    rejected_version: int | None = None,
    pressed: bool = False,
) -> Access:
    """Return an access token with at least `min_ttl` left, refreshing once for all callers.

    `person`: raise NotConnected unless the open_id still belongs to this person; the account may
    have been deleted and connected again. `rejected_version`: TikTok answered 401 to that version,
    so it is refreshed however long it has left; a newer one is returned as it is. `pressed`: a
    person pressed a button, so back-off is ignored. A token that is still valid is returned with a
    warning if no better one is available.
    Raises NotConnected, ReconnectRequired, Pending, CannotOpen, NoLongerAllowed.
    """
    user = _row(runtime, open_id, person)
    if pressed:
        rejected_version = user.version
    found = stored_access(runtime, user, min_ttl, rejected_version, runtime.clock())
    if found is None:
        user, asked = _refreshed(runtime, user, min_ttl, rejected_version, back_off=not pressed)
        found = _best_available(runtime, user, min_ttl, rejected_version, asked=asked)
    record_use(user, runtime.clock())
    return found


def _row(runtime: Runtime, open_id: str, person: PersonRef | None) -> User:
    user = people.find_by_open_id(runtime, open_id)
    if user is None or person not in (None, user.ref):
        raise NotConnected
    return user


def _refreshed(
    runtime: Runtime, user: User, min_ttl: timedelta, rejected: int | None, *, back_off: bool
) -> tuple[User, bool]:
    """Refresh, or wait for the process that does; return the row as it is afterwards.

    The second value is True if this call has asked TikTok. Raises NotConnected, NoLongerAllowed.
    """
    end = runtime.clock() + PATIENCE
    pause = _FIRST_POLL
    while True:
        claim = _try_claim(runtime, user, back_off=back_off)
        if claim is not None:
            asked = _attempt_and_store(runtime, claim)
            return _row(runtime, user.open_id, user.ref), asked
        user = _row(runtime, user.open_id, user.ref)
        now = runtime.clock()
        good = is_good_enough(user, min_ttl, rejected, now)
        if good or not user.leased(now) or now >= end:
            return user, False
        _pause(pause)
        authority.check()
        pause = min(pause * 1.5, _LONGEST_POLL)


def _attempt_and_store(runtime: Runtime, claim: Claim) -> bool:
    """Make the call of a claim and store its answer; return False if TikTok was not asked."""
    if end_if_expired(runtime, claim):
        return False
    result = attempt(runtime, claim)
    store_answers(runtime, [result], STORE_PATIENCE)
    return not isinstance(result.answer, NotSent | CannotOpenRow)


def _try_claim(runtime: Runtime, user: User, *, back_off: bool) -> Claim | None:
    now = runtime.clock()
    if _is_held(user, now, back_off=back_off) or binding.mismatch(runtime) is not None:
        return None
    if not _rescue_file_is_replayed(runtime):
        return None
    # Before the one probe of 30 s is taken.
    authority.check()
    if breaker.permit(runtime, 1, now).count == 0:
        return None
    claim = claim_one(runtime, user.ref, now, version=user.version, back_off=back_off)
    if claim is not None and binding.mismatch(runtime) is not None:
        # The database was copied to another one just now.
        store_answers(runtime, [Result(claim, NotSent(), now)])
        return None
    return claim


def _rescue_file_is_replayed(runtime: Runtime) -> bool:
    """Store rescued answers before anything is sent, as their refresh tokens are spent already."""
    try:
        if rescue_file.has_answers(runtime):
            rescue_file.replay(runtime)
    except (OSError, SQLAlchemyError) as error:
        log.error("rescue_file_not_read", error=type(error).__name__)
        return False
    return True


def _is_held(user: User, now: datetime, *, back_off: bool) -> bool:
    """Return True if a lease or the back-off keeps callers from claiming the connection."""
    bound = user.claim is not None or (back_off and user.status == Status.FAILING)
    return bound and user.next_at is not None and user.next_at > now


def _best_available(
    runtime: Runtime, user: User, min_ttl: timedelta, rejected: int | None, *, asked: bool
) -> Access:
    """Return the best token after the refresh. Raises ReconnectRequired, Pending, CannotOpen."""
    now = runtime.clock()
    found = stored_access(runtime, user, min_ttl, rejected, now)
    if found is not None:
        return found
    refused = rejected is not None and user.version <= rejected
    if not refused and user.access_expires_at is not None and user.access_expires_at > now:
        return build_access(runtime, user, min_ttl, now, "refresh_pending")
    raise Pending(_retry_after(user, now), user.last_error or "refreshing", asked=asked)


def _retry_after(user: User, now: datetime) -> timedelta:
    """Return how long to wait: for a lease or a back-off to end, else for the next probe."""
    bound = user.claim is not None or user.status == Status.FAILING
    if not bound or user.next_at is None:
        # Its next refresh may be hours ahead: the breaker or the installation is the obstacle.
        return breaker.PROBE_EVERY
    return max(user.next_at - now, timedelta(seconds=1))


def stored_access(
    runtime: Runtime, row: ConnectionRow, min_ttl: timedelta, rejected: int | None, now: datetime
) -> Access | None:
    """Return the row's access token if it is good enough; None if a refresh is needed.

    Raises ReconnectRequired, CannotOpen.
    """
    raise_if_ended(row, now)
    if not is_good_enough(row, min_ttl, rejected, now):
        return None
    return build_access(runtime, row, min_ttl, now)


def raise_if_ended(row: ConnectionRow, now: datetime) -> None:
    """Raise ReconnectRequired if no refresh can restore this connection."""
    if row.status in (Status.REVOKING, Status.REVOKED):
        raise ReconnectRequired("disconnected", row.ended_at)
    if row.status == Status.RECONNECT:
        raise ReconnectRequired(row.reason or "refused", row.ended_at)
    if row.refresh_expires_at is not None and row.refresh_expires_at <= now:
        raise ReconnectRequired("grant_over", row.refresh_expires_at)


def is_good_enough(
    row: ConnectionRow, min_ttl: timedelta, rejected: int | None, now: datetime
) -> bool:
    """Return True if the token lives long enough and is newer than the one TikTok rejected."""
    if row.access_expires_at is None or (rejected is not None and row.version <= rejected):
        return False
    return row.access_expires_at - now > _margin(row, row.access_expires_at, min_ttl)


def build_access(
    runtime: Runtime, row: ConnectionRow, min_ttl: timedelta, now: datetime, *warned: str
) -> Access:
    """Return the row's token with its warnings. Raises CannotOpen."""
    if row.access_token is None or row.access_expires_at is None:
        raise CannotOpen("there is no token in this row")
    warnings = list(warned)
    if not warned and row.access_expires_at - now < min_ttl:
        warnings.append("shorter_than_asked")
    if row.last_error == "life_unknown":
        warnings.append("life_unknown")
    return Access(
        open_id=row.open_id,
        access_token=runtime.vault.access_token(row.open_id, row.access_token),
        scopes=scopes_in(row.scope),
        expires_at=row.access_expires_at,
        refreshed_at=row.refreshed_at,
        version=row.version,
        # Each sealed text is unique, as its nonce is random.
        etag=f"{row.version}-{hashlib.sha256(row.access_token.encode()).hexdigest()[:16]}",
        warnings=tuple(warnings),
    )


def record_use(row: User, now: datetime) -> None:
    """Record that this connection is used, at most once an hour.

    A database that can't be written keeps nobody from using a token that it has handed out.
    """
    if row.last_used_at is not None and now - row.last_used_at < RECORD_USE_EVERY:
        return
    try:
        with writing() as session:
            if not authority.holds(session):
                return
            session.execute(update(User).where(User.is_(row.ref)).values(last_used_at=now))
    except SQLAlchemyError as error:
        log.warning("use_not_recorded", error=type(error).__name__)


def _margin(row: ConnectionRow, expires_at: datetime, min_ttl: timedelta) -> timedelta:
    """Return how much lifetime must be left: at most half the token's full lifetime (rule 31)."""
    if row.refreshed_at is None:
        return min_ttl
    return min(min_ttl, (expires_at - row.refreshed_at) / 2)


_pause: Callable[[float], object] = threading.Event().wait
