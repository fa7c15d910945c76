"""Finds the uses of a number since some day without reading all that it ever had."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the batches by their day, and the uses of a number by their interval too."""
    op.create_index(
        "phonon_ledger_batches_day", "phonon_ledger_batches", ["not_after", "interval_id"], unique=False
    )
    op.create_index(
        "phonon_ledger_number_uses_recent",
        "phonon_ledger_number_uses",
        ["scope", "number_hash", "interval_id"],
        unique=False,
    )
    op.drop_index("phonon_ledger_number_uses_number", table_name="phonon_ledger_number_uses")
