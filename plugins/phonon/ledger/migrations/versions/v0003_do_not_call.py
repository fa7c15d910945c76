"""Numbers that must not be called."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the do-not-call list."""
    op.create_table(
        "phonon_ledger_do_not_call",
        sa.Column("number_hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number_hash"),
    )
