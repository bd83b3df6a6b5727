"""What all connections of one TikTok app share, in one row; decides nothing itself."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class Brakes(Base):
    """The breaker and the pace of one TikTok app, and what its deleted people leave behind."""

    __tablename__ = "brakes"

    client_key: Mapped[str] = mapped_column(Text, primary_key=True)
    #: The last 50 outcomes, a letter each, newest last: o ok · g grant refused · i refused
    #: after an interruption of ours · t transient or ambiguous · k sealed under a key we do not
    #: have.
    recent: Mapped[str] = mapped_column(Text, default="")
    #: Why the breaker is open: config · transient · key; None: closed.
    open_reason: Mapped[str | None] = mapped_column(Text)
    open_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When the next single refresh may go out while the breaker is open.
    probe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: TikTok's code of what opened it.
    open_code: Mapped[str | None] = mapped_column(Text)
    #: The part of REFRESH_RATE that was allowed at `pace_at`; it grows back by 0.1 a minute.
    pace: Mapped[float] = mapped_column(default=1.0)
    pace_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The highest version that a deleted connection had. Whoever connects next begins above it, so
    #: that nobody holds an ETag of a life that is over and is told "not modified".
    last_deleted_version: Mapped[int] = mapped_column(default=0)
