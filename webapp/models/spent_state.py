"""Used OAuth states: a state that returns a second time finds its row and exchanges nothing."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class SpentState(Base):
    """One used `state` (rules 9, 17). The row is kept longer than a state is valid."""

    __tablename__ = "spent_states"

    #: SHA-256 of the state, hex.
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    spent_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    #: Who connected with it, the digest of the session that they got, and what `Connected` says of
    #: it. None: nobody has (yet).
    user_id: Mapped[int | None]
    ticket: Mapped[str | None] = mapped_column(Text)
    session: Mapped[str | None] = mapped_column(Text)
    #: "failed" without a person: nobody will.
    kind: Mapped[str | None] = mapped_column(Text)
    #: Comma-separated.
    added: Mapped[str | None] = mapped_column(Text)
