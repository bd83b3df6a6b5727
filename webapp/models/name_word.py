"""The words by which people are found, folded for searching; deleted with the person's row."""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base

#: Byte order on both databases, so the words with one prefix are one range.
FOLDED = Text().with_variant(Text(collation="C"), "postgresql")


class NameWord(Base):
    """One word of one person's name or ticket (webapp.search_words)."""

    __tablename__ = "name_words"
    # For deleting an account: the primary key begins with the word.
    __table_args__ = (Index("ix_name_words_user_id", "user_id"),)

    word: Mapped[str] = mapped_column(FOLDED, primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
