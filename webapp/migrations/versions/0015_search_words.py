"""Find people without accents, by any part of a name without spaces, and by half of a ticket.

The words that are stored for each person are replaced, a thousand people at a time.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable

import sqlalchemy as sa
from alembic import op

from webapp import search_words

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

#: How many people are read at a time.
_CHUNK = 1000

_users = sa.table("users", sa.column("id"), sa.column("display_name"), sa.column("ticket"))
_words = sa.table("name_words", sa.column("word"), sa.column("user_id"))


def upgrade() -> None:
    """Replace the stored words of all people with the new ones."""
    _refill(search_words.of_person)


def downgrade() -> None:
    """Store the words as they were before."""
    _refill(_former_words)


def _refill(words_of: Callable[[str | None, str], Iterable[str]]) -> None:
    connection, last = op.get_bind(), 0
    sqlite = connection.dialect.name == "sqlite"
    # Filling a table takes less time without the index.
    op.drop_index("ix_name_words_user_id", "name_words")
    op.execute("DELETE FROM name_words" if sqlite else "TRUNCATE name_words")
    everybody = sa.select(_users).order_by(_users.c.id).limit(_CHUNK)
    while rows := connection.execute(everybody.where(_users.c.id > last)).all():
        last = rows[-1].id
        found = [
            {"word": word, "user_id": row.id}
            for row in rows
            for word in words_of(row.display_name, row.ticket)
        ]
        if found:
            connection.execute(_words.insert(), found)
    op.create_index("ix_name_words_user_id", "name_words", ["user_id"])


def _former_words(name: str | None, _ticket: str) -> list[str]:
    """Return the words of a name as migration 0006 stores them."""
    folded = unicodedata.normalize("NFKC", name or "").casefold()
    return sorted({word[:40] for word in re.findall(r"\w+", folded)[:8]})
