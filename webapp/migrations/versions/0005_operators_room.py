"""What the operators' room needs: audit, figures, bulk work, notices, uses, a row's history."""

import sqlalchemy as sa
from alembic import op

from webapp.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: SQLite numbers rows by itself in a column of exactly this type only.
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and make the tables."""
    op.add_column("users", sa.Column("failing_since", UtcDateTime(), nullable=True))
    op.add_column("users", sa.Column("history", sa.Text(), nullable=True))
    op.create_table(
        "audit_events",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=name == "ticket")
            for name in (
                *("actor_kind", "actor", "address", "reference"),
                *("event", "ticket", "fields"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_at", "audit_events", ["at", "id"])
    for name in ("event", "actor_kind", "actor", "ticket"):
        op.create_index(f"ix_audit_events_{name}", "audit_events", [name, "at", "id"])
    op.create_index("ix_audit_events_reference", "audit_events", ["reference"])
    op.create_table(
        "figures",
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client_key", "minute", "what", name="pk_figures"),
    )
    op.create_table(
        "service_uses",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key_id", name="pk_service_uses"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_service_uses_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_service_uses_key_id", "service_uses", ["key_id"])
    _make_bulk()
    op.create_table(
        "notices",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("message_id", "event", "body")),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("last_answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("message_id", name="uq_notices_message_id"),
    )
    op.create_index("ix_notices_next_at", "notices", ["next_at"])


def _make_bulk() -> None:
    op.create_table(
        "bulk_jobs",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("id", "client_key", "act", "actor", "address", "query")
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("gathered_to", sa.Integer(), nullable=True),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("total", "done", "failed", "skipped")
        ),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_jobs"),
    )
    op.create_table(
        "bulk_items",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_items"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["bulk_jobs.id"], name="fk_bulk_items_job_id_bulk_jobs", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_bulk_items_state", "bulk_items", ["job_id", "state", "id"])


def downgrade() -> None:
    """Take them away again; the audit and the figures are lost."""
    for table in ("notices", "bulk_items", "bulk_jobs", "service_uses", "figures", "audit_events"):
        op.drop_table(table)
    op.drop_column("users", "history")
    op.drop_column("users", "failing_since")
