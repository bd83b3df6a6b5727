"""Chain the audit events, so a deleted or changed one is noticed.

Events that are there already stay outside the chain, which begins after them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table, and note the last event from before the chain."""
    # No batch: both databases can do this in place, and a rebuilt table would lose its triggers.
    op.add_column("audit_events", sa.Column("digest", sa.Text(), nullable=True))
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    chain = op.create_table(
        "audit_chain",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_id", number, nullable=False),
        sa.Column("start_digest", sa.Text(), nullable=False),
        sa.Column("newest_digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_chain"),
    )
    events = sa.table("audit_events", sa.column("id"))
    last = op.get_bind().scalar(sa.select(sa.func.max(events.c.id)))
    if last is not None:
        first = {"id": 1, "start_id": last, "start_digest": "", "newest_digest": ""}
        op.bulk_insert(chain, [first])


def downgrade() -> None:
    """Drop both."""
    op.drop_table("audit_chain")
    op.drop_column("audit_events", "digest")
