"""How many connections are in each state, counted from time to time; names no person."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class Headcount(Base):
    """The last count of one TikTok app's connections (services.operators.counts)."""

    __tablename__ = "headcounts"

    client_key: Mapped[str] = mapped_column(Text, primary_key=True)
    #: None: not counted yet.
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Until then one process is counting, and no other starts.
    counting_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: JSON, written and read by services.operators.counts.
    body: Mapped[str] = mapped_column(Text, default="")
