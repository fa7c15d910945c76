"""Finds the batches whose phone numbers are still there without reading through all that ever were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the batches that still have their frozen calls."""
    op.create_index(
        "phonon_ledger_batches_unerased",
        "phonon_ledger_batches",
        ["changed_at"],
        unique=False,
        sqlite_where=sa.text("frozen IS NOT NULL"),
        postgresql_where=sa.text("frozen IS NOT NULL"),
    )
