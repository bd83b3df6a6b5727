"""The states that came back once; a second return finds its row and exchanges nothing."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class SpentState(Base):
    """One used `state` (rules 9, 17). Its row is older than any attempt can be when it goes."""

    __tablename__ = "spent_states"

    #: SHA-256 of the state, hex.
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    spent_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
