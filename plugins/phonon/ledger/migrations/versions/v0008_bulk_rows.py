"""Takes the foreign keys off what is written for every contact: each row was looked up as it was inserted."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only in PostgreSQL: SQLite looks at none, and would have to write the tables anew to lose them."""
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("phonon_ledger_calls_batch_id_fkey", "phonon_ledger_calls", type_="foreignkey")
        op.drop_constraint("phonon_ledger_rejects_plan_id_fkey", "phonon_ledger_rejects", type_="foreignkey")
