"""What is to be told to NOTIFY_URL: written with the change it tells of, sent by the worker."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import NEVER_REUSED, Base, UtcDateTime

#: No moment that anybody waits for, and one that every time zone can write.
NEVER = datetime(9000, 1, 1, tzinfo=UTC)


class Notification(Base):
    """One notice out; kept for some days after it was delivered or given up."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_next_at", "next_at"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    #: `webhook-id` of Standard Webhooks: the same at every try, so that receivers see doubles.
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    event: Mapped[str] = mapped_column(Text)
    #: The body as it is sent, byte for byte: JSON, and never a token in it.
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: When to try next; None: delivered. NEVER: given up. So its index tells the three apart.
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: What the last try brought: an HTTP status, or the name of an error.
    last_answer: Mapped[str | None] = mapped_column(Text)
