"""The keys with which other services request tokens; stores their hashes, never a key."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class ServiceKey(Base):
    """One named key of one service."""

    __tablename__ = "service_keys"

    #: The public part of the key, used to find its row.
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    #: SHA-256 of the whole key, hex; before the key is shown, "unshown:" and the digest of the
    #: session that may see it.
    digest: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Recorded at most once an hour.
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
