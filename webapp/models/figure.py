"""Event counts per minute: a few rows a minute, never one row per refresh."""

from datetime import UTC, datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime

#: The minute under which all-time counts are stored; they never decrease.
ALL_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Figure(Base):
    """The count of one outcome in one minute, or in one hour (services.records.figures)."""

    __tablename__ = "figures"

    client_key: Mapped[str] = mapped_column(Text, primary_key=True)
    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    #: `refreshed`, `failed.<verdict>`, `ms.<upper bound>`, `revoked`.
    what: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int]
