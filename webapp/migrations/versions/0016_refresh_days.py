"""How many refreshes of each connection worked and failed, by day."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; NULL says that nothing has been counted yet."""
    op.add_column("users", sa.Column("refresh_days", sa.Text(), nullable=True))


def downgrade() -> None:
    """Remove it again."""
    op.drop_column("users", "refresh_days")
