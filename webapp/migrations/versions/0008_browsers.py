"""Which browser a session is in, in two short words; never the header that they were read from."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the words; sessions that are there stay without."""
    op.add_column("browser_sessions", sa.Column("browser", sa.Text(), nullable=True))
    op.add_column("browser_sessions", sa.Column("system", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take them away; nobody is signed out."""
    op.drop_column("browser_sessions", "system")
    op.drop_column("browser_sessions", "browser")
