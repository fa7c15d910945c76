"""How many calls of an interval a person has approved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of approvals."""
    op.create_table(
        "phonon_ledger_approvals",
        sa.Column("interval_id", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", sa.Double(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("interval_id"),
        sa.ForeignKeyConstraint(["interval_id"], ["phonon_ledger_intervals.id"]),
    )
