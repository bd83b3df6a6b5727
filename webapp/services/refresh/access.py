"""What a row gives as it stands: an access token, or why it gives none; never calls, never claims.

`refresh` asks here before and after a refresh, `handout` before it needs one at all.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import update

from webapp.database import writing
from webapp.models import Status, User
from webapp.services import authority
from webapp.services.house import House
from webapp.services.vault import CannotOpen

#: `last_used_at` is written at most this often.
USED_EVERY = timedelta(hours=1)


class Row(Protocol):
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


def at_hand(
    house: House, row: Row, min_ttl: timedelta, rejected: int | None, now: datetime
) -> Access | None:
    """Return the row's access token if it is good as it is; None if a refresh is needed.

    Raises ReconnectRequired, CannotOpen.
    """
    refuse_ended(row, now)
    return access(house, row, min_ttl, now) if is_good(row, min_ttl, rejected, now) else None


def refuse_ended(row: Row, now: datetime) -> None:
    """Raise ReconnectRequired if no refresh can bring this connection back."""
    if row.status in (Status.REVOKING, Status.REVOKED):
        raise ReconnectRequired("disconnected", row.ended_at)
    if row.status == Status.RECONNECT:
        raise ReconnectRequired(row.reason or "refused", row.ended_at)
    if row.refresh_expires_at is not None and row.refresh_expires_at <= now:
        raise ReconnectRequired("grant_over", row.refresh_expires_at)


def is_good(row: Row, min_ttl: timedelta, rejected: int | None, now: datetime) -> bool:
    """Tell whether the token lives long enough, and is newer than what TikTok rejected."""
    if row.access_expires_at is None or (rejected is not None and row.version <= rejected):
        return False
    return row.access_expires_at - now > _margin(row, row.access_expires_at, min_ttl)


def access(house: House, row: Row, min_ttl: timedelta, now: datetime, *more: str) -> Access:
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
        access_token=house.vault.access_token(row.open_id, row.access_token),
        scopes=frozenset(filter(None, row.scope.split(","))),
        expires_at=row.access_expires_at,
        refreshed_at=row.refreshed_at,
        version=row.version,
        warnings=tuple(warnings),
    )


def note_use(row: User, now: datetime) -> None:
    """Write down that somebody uses this connection, at most hourly."""
    if row.last_used_at is not None and now - row.last_used_at < USED_EVERY:
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


def _margin(row: Row, expires_at: datetime, min_ttl: timedelta) -> timedelta:
    """Return the life that must be left: never more than half of a token's whole (rule 31)."""
    if row.refreshed_at is None:
        return min_ttl
    return min(min_ttl, (expires_at - row.refreshed_at) / 2)
