"""When the exchange of the stored grant was sent, so an older answer never replaces a newer one."""

import sqlalchemy as sa
from alembic import op

from webapp.database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is unknown for grants that are stored already."""
    op.add_column("users", sa.Column("exchange_sent_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    """Remove it again."""
    op.drop_column("users", "exchange_sent_at")
