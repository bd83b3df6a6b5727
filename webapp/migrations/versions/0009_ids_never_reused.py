"""Stop SQLite from giving the id of a deleted newest row to the next row.

An act that kept a person's id over a call to TikTok could end in the next newcomer's account.
Rebuilds four tables on SQLite, because AUTOINCREMENT cannot be added in place. Both databases then
count on from the highest id that any row still names.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: Every table whose ids leave the transaction that made them.
_TABLES = ("users", "audit_events", "bulk_items", "notices")
#: Where else the id of a person may still be written down, also of one who was deleted.
_NAMED = (
    ("browser_sessions", "user_id"),
    ("service_uses", "user_id"),
    ("name_words", "user_id"),
    ("bulk_items", "user_id"),
    ("bulk_jobs", "gathered_to"),
)
#: As migration 0007 has it: a rebuilt table loses its triggers.
_TRIGGER = """
CREATE TRIGGER audit_events_unchanged BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END
"""


def upgrade() -> None:
    """Rebuild the tables on SQLite, then raise each sequence past every id that is still named."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _rebuild(autoincrement=True)
    for table in _TABLES:
        _count_on_after(connection, table, _highest(connection, table))


def downgrade() -> None:
    """Rebuild the tables without AUTOINCREMENT; no row is lost."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(autoincrement=False)


def _rebuild(*, autoincrement: bool) -> None:
    for table in _TABLES:
        # env.py has foreign keys off meanwhile, so dropping the old table deletes nothing else.
        with op.batch_alter_table(
            table, recreate="always", table_kwargs={"sqlite_autoincrement": autoincrement}
        ):
            pass
    op.execute(_TRIGGER)


def _highest(connection: sa.Connection, table: str) -> int:
    places = [(table, "id"), *(_NAMED if table == "users" else ())]
    found = (
        connection.scalar(sa.select(sa.func.max(sa.column(column))).select_from(sa.table(where)))
        for where, column in places
    )
    return max(each or 0 for each in found)


def _count_on_after(connection: sa.Connection, table: str, highest: int) -> None:
    if connection.dialect.name == "sqlite":
        # There is one row a table, and none before the first insert.
        sequence = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
        connection.execute(sa.delete(sequence).where(sequence.c.name == table))
        connection.execute(sa.insert(sequence).values(name=table, seq=highest))
    elif highest:
        name = sa.func.pg_get_serial_sequence(table, "id")
        last_value = sa.column("last_value", sa.BigInteger())
        last = connection.scalar(sa.select(last_value).select_from(sa.table(f"{table}_id_seq")))
        connection.execute(sa.select(sa.func.setval(name, max(highest, last or 0))))
