"""Which service received an access token of which connection, and when; never the token."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class ServiceUse(Base):
    """One service key and one connection; recorded at most once an hour."""

    __tablename__ = "service_uses"
    __table_args__ = (Index("ix_service_uses_key_id", "key_id"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
