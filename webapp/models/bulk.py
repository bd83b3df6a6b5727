"""Work on many connections at once: the job and its items; does none of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import NEVER_REUSED, Base, UtcDateTime


class ItemState(StrEnum):
    """How far one item is."""

    WAITING = "waiting"
    #: Made due, so that the worker takes it; its row's version was noted.
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    #: There was nothing to do: it had ended already.
    SKIPPED = "skipped"


class BulkJob(Base):
    """One order of an operator, on the connections that were picked or that matched."""

    __tablename__ = "bulk_jobs"

    #: Random, since it stands in addresses.
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    client_key: Mapped[str] = mapped_column(Text)
    #: refresh · disconnect
    act: Mapped[str] = mapped_column(Text)
    #: Who ordered it: a ticket.
    actor: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text, default="")
    #: The filters of the list it was ordered from, as they stand in the address.
    query: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: While not None, what matches is still being gathered: the id to go on from.
    gathered_to: Mapped[int | None]
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
    #: Says whose row it is (see `PersonRef`).
    ticket: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default=ItemState.WAITING.value)
    #: The row's version and failures when it was sent: a higher one tells what came of it.
    version: Mapped[int | None]
    failures: Mapped[int | None]
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Why it failed or was skipped: a word of ours or TikTok's code.
    code: Mapped[str | None] = mapped_column(Text)
