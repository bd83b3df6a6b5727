"""How many connections stand how, counted now and then; not a word about a single person."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class Headcount(Base):
    """The last count of one TikTok app's connections (services.headcount)."""

    __tablename__ = "headcounts"

    client_key: Mapped[str] = mapped_column(Text, primary_key=True)
    #: None: never yet.
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Until then somebody is counting, and nobody else begins.
    counting_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: JSON (services.headcount).
    body: Mapped[str] = mapped_column(Text, default="")
