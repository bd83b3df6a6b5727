"""What the operators' list needs: an index an order, the words of people's names, a headcount."""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

from webapp.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SEGMENT = ["client_key", "status", "reason", "scope"]
_ORDERS = ["access_expires_at", "refresh_expires_at", "refreshes", "last_used_at", "next_at"]
_FAILING = sa.text("failing_since IS NOT NULL")
#: As many names are read at once.
_CHUNK = 1000


def upgrade() -> None:
    """Make indexes and tables, and write down the words of every name that is there."""
    _collate(' COLLATE "C"')
    for column in _ORDERS:
        op.create_index(f"ix_users_list_{column}", "users", [*_SEGMENT, column, "id"])
    op.create_index(
        "ix_users_list_failing_since",
        "users",
        [*_SEGMENT, "failing_since", "id"],
        sqlite_where=_FAILING,
        postgresql_where=_FAILING,
    )
    op.create_table(
        "headcounts",
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("counted_at", UtcDateTime(), nullable=True),
        sa.Column("counting_until", UtcDateTime(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("client_key", name="pk_headcounts"),
    )
    folded = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    words = op.create_table(
        "name_words",
        sa.Column("word", folded, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", "user_id", name="pk_name_words"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_name_words_user_id_users", ondelete="CASCADE"
        ),
    )
    _fill(words)
    op.create_index("ix_name_words_user_id", "name_words", ["user_id"])


def downgrade() -> None:
    """Take them away again; nothing is lost that cannot be told from the rows."""
    op.drop_table("name_words")
    op.drop_table("headcounts")
    for column in (*_ORDERS, "failing_since"):
        op.drop_index(f"ix_users_list_{column}", "users")
    _collate("")


def _collate(collation: str) -> None:
    """Give `open_id` an order on PostgreSQL; SQLite's is that of the bytes anyhow."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE users ALTER COLUMN open_id TYPE text{collation}")


def _fill(words: sa.Table) -> None:
    users = sa.table("users", sa.column("id"), sa.column("display_name"))
    named = sa.select(users).where(users.c.display_name.is_not(None)).order_by(users.c.id)
    connection, last = op.get_bind(), 0
    while rows := connection.execute(named.where(users.c.id > last).limit(_CHUNK)).all():
        last = rows[-1].id
        found = [
            {"word": word, "user_id": row.id} for row in rows for word in _words(row.display_name)
        ]
        if found:
            op.bulk_insert(words, found)


def _words(name: str) -> list[str]:
    """Return the search words of a name, as the app made them when this was written."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return sorted({word[:40] for word in re.findall(r"\w+", folded)[:8]})
