"""States that came back once, so that a reload never exchanges twice."""

import sqlalchemy as sa
from alembic import op

from webapp.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "spent_states",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("spent_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_spent_states"),
    )
    op.create_index("ix_spent_states_spent_at", "spent_states", ["spent_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("spent_states")
