"""Notes of each batch which plan claimed its calls: the run of that plan counts them, whoever changes them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Older batches are left without: they count for the run that changed them last."""
    op.add_column("phonon_ledger_batches", sa.Column("plan_id", sa.BigInteger(), nullable=True))
