"""The circuit breaker and refresh rate that all connections of one TikTok app share, in one row."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class Brakes(Base):
    """The breaker and the refresh rate of one TikTok app, and the last deleted version."""

    __tablename__ = "brakes"

    client_key: Mapped[str] = mapped_column(Text, primary_key=True)
    #: The last 50 outcomes, one letter each, newest last: o ok · g grant refused · i refused
    #: after an interruption on our side · t transient or ambiguous · k sealed under a key we do
    #: not have.
    recent: Mapped[str] = mapped_column(Text, default="")
    #: Why the breaker is open: config · transient · key; None: closed.
    open_reason: Mapped[str | None] = mapped_column(Text)
    open_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When the next single refresh (a probe) may be sent while the breaker is open.
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: TikTok's error code that opened it.
    open_code: Mapped[str | None] = mapped_column(Text)
    #: The fraction of REFRESH_RATE that was allowed at `pace_at`; it recovers by 0.1 a minute.
    pace: Mapped[float] = mapped_column(default=1.0)
    pace_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The highest version that a deleted connection had. A new connection starts above it, so an
    #: ETag from a deleted connection never gets "not modified" for the new one.
    last_deleted_version: Mapped[int] = mapped_column(default=0)
