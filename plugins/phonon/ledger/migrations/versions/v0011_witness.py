"""Tells whether the ledger has forgotten a run: the runs that began to send, and the ids of other ledgers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables; the ledger's own id is made when it is opened."""
    op.create_table(
        "phonon_ledger_begun_runs",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.Double(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "run_id"),
    )
    op.create_table(
        "phonon_ledger_adopted",
        sa.Column("ledger_id", sa.Text(), nullable=False),
        sa.Column("adopted_at", sa.Double(), nullable=False),
        sa.Column("adopted_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id"),
    )
