"""How often what happened, by the minute: a few rows a minute, never one row a refresh."""

from datetime import UTC, datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime

#: The minute under which the count of all time is kept, so that it never falls.
ALL_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Figure(Base):
    """One count: of one outcome, in one minute (services.figures folds old ones into hours)."""

    __tablename__ = "figures"

    client_key: Mapped[str] = mapped_column(Text, primary_key=True)
    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    #: `refreshed`, `failed.<verdict>`, `ms.<upper bound>`, `revoked`.
    what: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int]
