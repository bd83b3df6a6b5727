"""A person's row: their TikTok account, their sealed tokens and when to refresh them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Index, Text, UniqueConstraint, and_, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import NEVER_REUSED, Base, UtcDateTime

#: Operators see that a grant ends soon when less than this is left of it.
GRANT_ENDING = timedelta(days=14)
#: When people are warned that the grant ends: early, a week before, and on the last day.
GRANT_WARNINGS = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
#: Columns that the filters of the operators' list compare for equality; indexes start with them.
SEGMENT = ("client_key", "status", "reason", "scope")


class Status(StrEnum):
    """The stored state of a connection; `Health` adds what depends on the clock."""

    ACTIVE = "active"
    #: The last refresh failed; it is retried.
    FAILING = "failing"
    #: Only the person can fix it, by connecting again.
    RECONNECT = "reconnect"
    #: The person disconnected; TikTok has not confirmed it yet.
    REVOKING = "revoking"
    REVOKED = "revoked"


class Health(StrEnum):
    """The state of a connection at one moment."""

    FRESH = "fresh"
    DUE = "due"
    REFRESHING = "refreshing"
    FAILING = "failing"
    EXPIRED = "expired"
    RECONNECT = "reconnect"
    REVOKING = "revoking"
    REVOKED = "revoked"


class Reason(StrEnum):
    """Why a person must connect again; the pages have a text for each."""

    #: TikTok refused the grant twice, a minute apart.
    REFUSED = "refused"
    #: The same, after a refresh whose answer was lost: most likely our fault, not theirs.
    INTERRUPTED = "interrupted"
    #: The grant has expired.
    GRANT_OVER = "grant_over"
    # TikTok's webhook `authorization.removed`, by its number.
    REMOVED_0 = "removed_0"
    REMOVED_1 = "removed_1"
    REMOVED_2 = "removed_2"
    REMOVED_3 = "removed_3"
    REMOVED_4 = "removed_4"
    REMOVED_5 = "removed_5"


@dataclass(frozen=True, slots=True)
class PersonRef:
    """Identifies one person across transactions, so an action never changes another person's row.

    The id finds the row. The ticket is random and never reused, so an action that was begun for
    someone who has since been deleted finds no row, even if another person has the id by then.
    """

    id: int
    ticket: str


def scopes_in(text: str) -> frozenset[str]:
    """Return the scopes in the text of a column."""
    return frozenset(filter(None, text.split(",")))


class User(Base):
    """One person's TikTok account within one TikTok app (rule 52).

    The row is also its own entry in the refresh queue: see docs/decisions. Changes of state are
    in `webapp.models.connection_state`.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("client_key", "open_id", name="uq_users_client_key_open_id"),
        # The app first, as every query names it: by `next_at` alone, SQLite would sort all rows.
        Index("ix_users_client_key_next_at", "client_key", "next_at"),
        # The sort columns of the operators' list (services.operators.list_keyset).
        *(
            Index(f"ix_users_list_{column}", *SEGMENT, column, "id")
            for column in (
                *("access_expires_at", "refresh_expires_at", "refreshes"),
                *("last_used_at", "next_at"),
            )
        ),
        Index(
            "ix_users_list_failing_since",
            *(*SEGMENT, "failing_since", "id"),
            # No index entry for connections that work.
            sqlite_where=text("failing_since IS NOT NULL"),
            postgresql_where=text("failing_since IS NOT NULL"),
        ),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The TikTok app this open_id belongs to: the same person has a different one in another app.
    client_key: Mapped[str] = mapped_column(Text)
    #: In byte order on both databases, so a prefix can be searched for.
    open_id: Mapped[str] = mapped_column(Text().with_variant(Text(collation="C"), "postgresql"))
    #: The same for one person in all apps of one developer; None until user info was read.
    union_id: Mapped[str | None] = mapped_column(Text)
    #: As TikTok sent it, truncated; the pages clean it. None until user info was read.
    display_name: Mapped[str | None] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(Text)
    #: What a person quotes to support: `ct_` and eight characters; unknown to TikTok.
    ticket: Mapped[str] = mapped_column(Text, unique=True)
    operator_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    #: Sealed (services.vault), of unlimited length (rule 56). None: deleted.
    access_token: Mapped[str | None] = mapped_column(Text)
    refresh_token: Mapped[str | None] = mapped_column(Text)
    #: Granted scopes as TikTok last reported them, sorted and comma-separated.
    scope: Mapped[str] = mapped_column(Text, default="")
    #: The scopes requested when the person last connected, to show which were not granted.
    asked_scope: Mapped[str] = mapped_column(Text, default="")
    #: Time of receipt + seconds from the answer (rule 29). None without a token.
    access_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refresh_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    #: Incremented whenever the grant changes (connect, refresh, forget). Every commit after a call
    #: checks that it hasn't changed.
    version: Mapped[int] = mapped_column(default=0)
    #: When to act next: schedule, back-off, end of lease and crash recovery in one. None: never.
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Random id while a process acts on the row; `next_at` is then the end of the lease.
    claim: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=Status.ACTIVE.value)

    #: Why the person must connect again (`Reason`); None while the connection works.
    reason: Mapped[str | None] = mapped_column(Text)
    #: When the connection ended; None while it works.
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When TikTok first refused this version of the grant; a second refusal a minute later counts.
    refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: A refresh was sent and its answer lost, so TikTok may have replaced the token.
    interrupted: Mapped[bool] = mapped_column(default=False, server_default=false())

    failures: Mapped[int] = mapped_column(default=0)
    #: When refreshes started to fail, with no success since; None while they work.
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The code of the last failure, TikTok's or ours; never TikTok's text.
    last_error: Mapped[str | None] = mapped_column(Text)
    #: TikTok's log id of the failed call, for its support.
    last_log_id: Mapped[str | None] = mapped_column(Text)
    refreshes: Mapped[int] = mapped_column(default=0)
    refreshed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    connected_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: When the exchange of this grant was sent. Of two sign-ins at the same time, the one that was
    #: sent later has the grant that works. None: connected before this was recorded.
    exchange_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The latest events, newest first (services.records.history); rarely read, so loaded on demand.
    history: Mapped[str | None] = mapped_column(Text, deferred=True)
    #: How many refreshes worked and failed by day (services.records.refresh_days); on demand, too.
    #: None: connected before they were counted, and not refreshed since.
    refresh_days: Mapped[str | None] = mapped_column(Text, default="", deferred=True)

    @property
    def ref(self) -> PersonRef:
        """Return the reference that identifies this person in later transactions."""
        return PersonRef(self.id, self.ticket)

    @classmethod
    def is_(cls, ref: PersonRef) -> ColumnElement[bool]:
        """Return the condition that selects this person's row."""
        return and_(cls.id == ref.id, cls.ticket == ref.ticket)

    @property
    def granted(self) -> frozenset[str]:
        """Return the granted scopes."""
        return scopes_in(self.scope)

    @property
    def asked(self) -> frozenset[str]:
        """Return the scopes requested when the person last connected."""
        return scopes_in(self.asked_scope)

    def health(self, now: datetime) -> Health:
        """Return the state of the connection at `now`."""
        if self.status in (Status.RECONNECT, Status.REVOKING, Status.REVOKED):
            return Health(self.status)
        if self.grant_over(now):
            return Health.RECONNECT
        if self.leased(now):
            return Health.REFRESHING
        if self.access_expires_at is None or self.access_expires_at <= now:
            return Health.EXPIRED
        if self.status == Status.FAILING:
            return Health.FAILING
        if self.next_at is not None and self.next_at <= now:
            return Health.DUE
        return Health.FRESH

    def ended(self, now: datetime) -> tuple[str | None, datetime | None]:
        """Return why the person must connect again (a `Reason`), and since when; None: unknown."""
        if self.grant_over(now):
            return self.reason or Reason.GRANT_OVER.value, self.ended_at or self.refresh_expires_at
        return self.reason, self.ended_at

    def leased(self, now: datetime) -> bool:
        """Return True while a process acts on the row, or until its lease ends."""
        return self.claim is not None and self.next_at is not None and self.next_at > now

    def grant_over(self, now: datetime) -> bool:
        """Return True if the grant itself has expired (rule 39)."""
        return self.refresh_expires_at is not None and self.refresh_expires_at <= now

    def grant_ending(self, now: datetime) -> bool:
        """Return True if the grant itself ends soon, so the person must connect again."""
        return self.refresh_expires_at is not None and self.refresh_expires_at - now < GRANT_ENDING

    def grant_warning(self, now: datetime) -> int | None:
        """Return 1, 7 or 30 if the grant itself ends within that many days.

        None if it ends later, or if its end is unknown.
        """
        if self.refresh_expires_at is None:
            return None
        left = self.refresh_expires_at - now
        return next((within.days for within in GRANT_WARNINGS if left < within), None)
