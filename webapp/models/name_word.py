"""One word of a person's name, folded for searching; goes with the person's row."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base

#: Byte order on both databases, so that a range of words is what begins with the same letters.
FOLDED = Text().with_variant(Text(collation="C"), "postgresql")


class NameWord(Base):
    """A word and whose name has it (services.searching)."""

    __tablename__ = "name_words"
    # For the erasure: the key begins with the word.
    __table_args__ = (Index("ix_name_words_user_id", "user_id"),)

    word: Mapped[str] = mapped_column(FOLDED, primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
