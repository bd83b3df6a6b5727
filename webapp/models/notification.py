"""Notifications to NOTIFY_URL: written with the change they report, sent by the worker."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import NEVER_REUSED, Base, UtcDateTime

#: A time that is never due, and that every time zone can represent.
NEVER = datetime(9000, 1, 1, tzinfo=UTC)


class Notification(Base):
    """One notification, kept for some days after it was delivered or given up."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_next_at", "next_at"), NEVER_REUSED)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    #: `webhook-id` of Standard Webhooks: the same at every try, so receivers can detect duplicates.
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    event: Mapped[str] = mapped_column(Text)
    #: The body as it is sent, byte for byte: JSON that never contains a token.
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: When to try next; None: delivered; NEVER: given up. One index finds all three.
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The result of the last try: an HTTP status, or what happened instead.
    last_answer: Mapped[str | None] = mapped_column(Text)
