"""Browser sessions; stores the hash of a session's secret, never the secret."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class BrowserSession(Base):
    """One signed-in browser. Signing out deletes the row, so a saved cookie stops working too."""

    __tablename__ = "browser_sessions"

    #: SHA-256 of the secret in the cookie, hex.
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    #: The time of the sign-in: every sign-in creates a row, and deletes the one it replaces.
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Recorded at most every five minutes.
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    #: "Firefox" and "Linux", so people can recognize their devices. None: not known.
    browser: Mapped[str | None] = mapped_column(Text)
    system: Mapped[str | None] = mapped_column(Text)
    #: The digest of the browser's former session, which ends when this one is first used: the
    #: response with the new cookie may get lost.
    replaces: Mapped[str | None] = mapped_column(Text)
