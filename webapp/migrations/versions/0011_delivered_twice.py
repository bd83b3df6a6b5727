"""What a sign-in led to, for a browser that lost the response; which session a new one replaces."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OF_STATE = (
    ("user_id", sa.Integer()),
    ("ticket", sa.Text()),
    ("session", sa.Text()),
    ("kind", sa.Text()),
    ("added", sa.Text()),
)


def upgrade() -> None:
    """Add the columns, empty."""
    for name, kind in _OF_STATE:
        op.add_column("spent_states", sa.Column(name, kind, nullable=True))
    op.add_column("browser_sessions", sa.Column("replaces", sa.Text(), nullable=True))


def downgrade() -> None:
    """Remove them again."""
    op.drop_column("browser_sessions", "replaces")
    for name, _kind in reversed(_OF_STATE):
        op.drop_column("spent_states", name)
