"""Which rows of a growing table each interval has taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of row ranges."""
    op.create_table(
        "phonon_ledger_row_ranges",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("watched", sa.Text(), nullable=False),
        sa.Column("interval_id", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("upto", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["interval_id"], ["phonon_ledger_intervals.id"]),
        sa.UniqueConstraint("watched", "interval_id", name="phonon_ledger_row_ranges_key"),
    )
    op.create_index("phonon_ledger_row_ranges_newest", "phonon_ledger_row_ranges", ["watched", "id"], unique=False)
