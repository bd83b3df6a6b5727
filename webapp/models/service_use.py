"""Which service was handed which connection's access, and when last; never the access itself."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class ServiceUse(Base):
    """One service key and one connection; written at most hourly."""

    __tablename__ = "service_uses"
    __table_args__ = (Index("ix_service_uses_key_id", "key_id"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    key_id: Mapped[str] = mapped_column(Text, primary_key=True)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
