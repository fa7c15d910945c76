"""Notes of each plan which task made it: tasks of one run and campaign report each what is its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; older plans are of no task that is known."""
    op.add_column("phonon_ledger_plans", sa.Column("task", sa.Text(), nullable=True))
