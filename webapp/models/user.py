"""A person's row: who they are at TikTok, their sealed tokens and what is due; calls nobody."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Index, Text, UniqueConstraint, and_, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import NEVER_REUSED, Base, UtcDateTime

#: With less than this left of the grant, operators see that it ends soon.
GRANT_ENDING = timedelta(days=14)
#: When people are told that the grant ends: early, again a week before, and on the last day.
GRANT_WARNINGS = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
#: What the filters of the operators' list compare as a whole, so that an index can begin with it.
SEGMENT = ("client_key", "status", "reason", "scope")


class Status(StrEnum):
    """What was decided about a connection; the rest is derived from the clock (`Health`)."""

    ACTIVE = "active"
    #: The last refresh did not work; it is tried again.
    FAILING = "failing"
    #: Only the person can fix it.
    RECONNECT = "reconnect"
    #: The person disconnected; TikTok has not been told yet.
    REVOKING = "revoking"
    REVOKED = "revoked"


class Health(StrEnum):
    """How a connection stands at one moment."""

    FRESH = "fresh"
    DUE = "due"
    REFRESHING = "refreshing"
    FAILING = "failing"
    EXPIRED = "expired"
    RECONNECT = "reconnect"
    REVOKING = "revoking"
    REVOKED = "revoked"


class Reason(StrEnum):
    """Why a person must connect again; pages put it into words."""

    #: TikTok refused the grant twice, a minute apart.
    REFUSED = "refused"
    #: The same, after a refresh whose answer was lost: most likely our doing, not theirs.
    INTERRUPTED = "interrupted"
    #: The grant's own end has passed.
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
    """Names one person for as long as an act takes; what is done for them is done only to them.

    The id finds the row. The ticket is random and never given twice, so an act that was begun for
    somebody who has been deleted since finds nobody, whoever has the id by then.
    """

    id: int
    ticket: str


class User(Base):
    """One person's TikTok account within one TikTok app (rule 52).

    The row is also the queue of refreshes: see token-keeping in docs/decisions.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("client_key", "open_id", name="uq_users_client_key_open_id"),
        # The app first, since every look names it: by `next_at` alone, SQLite would sort all rows.
        Index("ix_users_client_key_next_at", "client_key", "next_at"),
        # What the operators' list is ordered by (services.segments).
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
            # Nothing to keep up for whoever is well.
            sqlite_where=text("failing_since IS NOT NULL"),
            postgresql_where=text("failing_since IS NOT NULL"),
        ),
        NEVER_REUSED,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Which TikTok app this open_id belongs to: the same person has another one in another app.
    client_key: Mapped[str] = mapped_column(Text)
    #: In byte order on both databases, so that its beginning can be searched for.
    open_id: Mapped[str] = mapped_column(Text().with_variant(Text(collation="C"), "postgresql"))
    #: One person across the apps of one developer; None until user info has answered.
    union_id: Mapped[str | None] = mapped_column(Text)
    #: As TikTok gave it, capped; pages clean it. None until user info has answered.
    display_name: Mapped[str | None] = mapped_column(Text)
    username: Mapped[str | None] = mapped_column(Text)
    #: What a person quotes to support: `ct_` and eight letters, ours, never TikTok's.
    ticket: Mapped[str] = mapped_column(Text, unique=True)
    operator_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    #: Sealed (services.vault), unbounded (rule 56). None: forgotten.
    access_token: Mapped[str | None] = mapped_column(Text)
    refresh_token: Mapped[str | None] = mapped_column(Text)
    #: Granted scopes as TikTok last said, comma-joined and sorted.
    scope: Mapped[str] = mapped_column(Text, default="")
    #: What was asked for when the person last connected, so that what was left off can be told.
    asked_scope: Mapped[str] = mapped_column(Text, default="")
    #: Receipt + seconds from the answer (rule 29). None with no token.
    access_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refresh_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    #: +1 on every change of the grant: connect, refresh, forget. Guards every commit after a call.
    version: Mapped[int] = mapped_column(default=0)
    #: When to act next: schedule, back-off, lease end and crash recovery in one. None: never.
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Random id while somebody acts; `next_at` is then the end of the lease.
    claim: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=Status.ACTIVE.value)

    #: Why the person must come back, as one of our words (`Reason`); None while all is well.
    reason: Mapped[str | None] = mapped_column(Text)
    #: Since when the connection does not work: it left `active` then.
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When TikTok first refused this version of the grant; a second time a minute later counts.
    refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: A refresh was sent and its answer never seen, so TikTok may have rotated without us.
    interrupted: Mapped[bool] = mapped_column(default=False, server_default=false())

    failures: Mapped[int] = mapped_column(default=0)
    #: Since when refreshes fail, without one success in between; None while they do not.
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: TikTok's code of the last failure, or ours; never its text.
    last_error: Mapped[str | None] = mapped_column(Text)
    #: TikTok's id of the failed call, for its support.
    last_log_id: Mapped[str | None] = mapped_column(Text)
    refreshes: Mapped[int] = mapped_column(default=0)
    refreshed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    connected_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: What happened last, newest first (services.history); seldom read, so it is left out of rows.
    history: Mapped[str | None] = mapped_column(Text, deferred=True)

    @property
    def ref(self) -> PersonRef:
        """Return what names this person in an act that outlives this transaction."""
        return PersonRef(self.id, self.ticket)

    @classmethod
    def is_(cls, ref: PersonRef) -> ColumnElement[bool]:
        """Return the condition that a row is this person's."""
        return and_(cls.id == ref.id, cls.ticket == ref.ticket)

    @property
    def granted(self) -> frozenset[str]:
        """Return the granted scopes."""
        return frozenset(filter(None, self.scope.split(",")))

    @property
    def asked(self) -> frozenset[str]:
        """Return the scopes asked for when the person last connected."""
        return frozenset(filter(None, self.asked_scope.split(",")))

    def health(self, now: datetime) -> Health:
        """Return how the connection stands; what the clock can tell is stored nowhere."""
        if self.status in (Status.RECONNECT, Status.REVOKING, Status.REVOKED):
            return Health(self.status)
        if self.refresh_expires_at is not None and self.refresh_expires_at <= now:
            return Health.RECONNECT
        if self.claim is not None and self.next_at is not None and self.next_at > now:
            return Health.REFRESHING
        if self.access_expires_at is None or self.access_expires_at <= now:
            return Health.EXPIRED
        if self.status == Status.FAILING:
            return Health.FAILING
        if self.next_at is not None and self.next_at <= now:
            return Health.DUE
        return Health.FRESH

    def ended(self, now: datetime) -> tuple[str | None, datetime | None]:
        """Return why the person must come back, as a `Reason`, and since when; None: not known."""
        if self.refresh_expires_at is not None and self.refresh_expires_at <= now:
            return self.reason or Reason.GRANT_OVER.value, self.ended_at or self.refresh_expires_at
        return self.reason, self.ended_at

    def grant_ending(self, now: datetime) -> bool:
        """Tell whether the grant itself ends soon, so that the person must come back."""
        return self.refresh_expires_at is not None and self.refresh_expires_at - now < GRANT_ENDING

    def grant_warning(self, now: datetime) -> int | None:
        """Return within how many days (1, 7 or 30) the grant itself ends; None: not that soon."""
        if self.refresh_expires_at is None:
            return None
        left = self.refresh_expires_at - now
        return next((within.days for within in GRANT_WARNINGS if left < within), None)
