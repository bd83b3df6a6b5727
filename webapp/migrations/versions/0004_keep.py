"""What keeping needs: why a connection ended, service keys, brakes, the installation."""

import sqlalchemy as sa
from alembic import op

from webapp.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and make the tables."""
    # No batch: both databases can do this in place, and SQLite would rebuild the table.
    op.add_column("users", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("ended_at", UtcDateTime(), nullable=True))
    op.add_column("users", sa.Column("refused_at", UtcDateTime(), nullable=True))
    op.add_column(
        "users",
        sa.Column("interrupted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    # Every look for what is due names the app; by times alone, SQLite would sort all its rows.
    op.create_index("ix_users_client_key_next_at", "users", ["client_key", "next_at"])
    op.drop_index("ix_users_next_at", "users")
    op.create_table(
        "service_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_service_keys"),
        sa.UniqueConstraint("name", name="uq_service_keys_name"),
    )
    op.create_table(
        "brakes",
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("recent", sa.Text(), nullable=False),
        sa.Column("open_reason", sa.Text(), nullable=True),
        sa.Column("open_since", UtcDateTime(), nullable=True),
        sa.Column("probe_at", UtcDateTime(), nullable=True),
        sa.Column("open_code", sa.Text(), nullable=True),
        sa.Column("pace", sa.Double(), nullable=False),
        sa.Column("pace_at", UtcDateTime(), nullable=True),
        sa.Column("last_deleted_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("client_key", name="pk_brakes"),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("bound_at", UtcDateTime(), nullable=False),
        sa.Column("binding", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("moved_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )


def downgrade() -> None:
    """Take them away again; the service keys are lost."""
    op.drop_table("installation")
    op.drop_table("brakes")
    op.drop_table("service_keys")
    op.create_index("ix_users_next_at", "users", ["next_at"])
    op.drop_index("ix_users_client_key_next_at", "users")
    for column in ("interrupted", "refused_at", "ended_at", "reason"):
        op.drop_column("users", column)
