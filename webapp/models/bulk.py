"""Bulk jobs on many connections, and their items."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import NEVER_REUSED, Base, UtcDateTime


class ItemState(StrEnum):
    """The progress of one item."""

    WAITING = "waiting"
    #: Claimed by a worker, which calls TikTok; the version of its row was noted.
    SENT = "sent"
    DONE = "done"
    #: Disconnected here, but TikTok did not confirm it. Counted as failed.
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    #: There was nothing to do: the connection had ended already.
    SKIPPED = "skipped"


class BulkJob(Base):
    """One bulk job of an operator, on the connections that were selected or that matched."""

    __tablename__ = "bulk_jobs"

    #: Random, because it appears in URLs.
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    client_key: Mapped[str] = mapped_column(Text)
    #: refresh · disconnect
    act: Mapped[str] = mapped_column(Text)
    #: The ticket of the operator who started it.
    actor: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text, default="")
    #: The filters of the list it was started from, as a query string without what was searched for.
    query: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Not None: an older release was still collecting connections, from this id on.
    gathered_to: Mapped[int | None]
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def left(self) -> int:
        """Return the number of connections without a result yet."""
        return self.total - self.done - self.failed - self.skipped


class BulkItem(Base):
    """One connection of a job."""

    __tablename__ = "bulk_items"
    __table_args__ = (Index("ix_bulk_items_state", "job_id", "state", "id"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("bulk_jobs.id", ondelete="CASCADE"))
    #: No foreign key: a person may delete the account while the job runs.
    user_id: Mapped[int]
    #: Confirms whose row it is (see `PersonRef`).
    ticket: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default=ItemState.WAITING.value)
    #: The row's version and failures when it was sent: whichever is higher later shows the result.
    version: Mapped[int | None]
    failures: Mapped[int | None]
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Why it failed or was skipped: our code or TikTok's.
    code: Mapped[str | None] = mapped_column(Text)
