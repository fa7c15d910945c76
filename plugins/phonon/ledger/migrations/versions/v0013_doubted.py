"""Keeps the intervals of which a ledger that was lost may have placed calls that nobody has recorded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "phonon_ledger_doubted",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("interval_key", sa.Text(), nullable=False),
        sa.Column("doubted_at", sa.Double(), nullable=False),
        sa.Column("doubted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "interval_key"),
    )
