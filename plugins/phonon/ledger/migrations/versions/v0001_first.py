"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the ledger's tables."""
    op.create_table(
        "phonon_ledger_intervals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("interval_key", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign", "interval_key", name="phonon_ledger_intervals_key"),
    )
    op.create_table(
        "phonon_ledger_meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "phonon_ledger_number_uses",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("number_hash", sa.BigInteger(), nullable=False),
        sa.Column("interval_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
    )
    op.create_index(
        "phonon_ledger_number_uses_number", "phonon_ledger_number_uses", ["scope", "number_hash"], unique=False
    )
    op.create_table(
        "phonon_ledger_rates",
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("share_at", sa.Double(), nullable=False),
        sa.Column("blocked_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", "account"),
    )
    op.create_table(
        "phonon_ledger_batches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("interval_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.LargeBinary(), nullable=True),
        sa.Column("frozen_sha256", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("not_after", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("past", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("body_sha256", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.Double(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("phonon_uuids", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["interval_id"],
            ["phonon_ledger_intervals.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "phonon_ledger_batches_open", "phonon_ledger_batches", ["interval_id", "state", "id"], unique=False
    )
    op.create_table(
        "phonon_ledger_plans",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("interval_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("completed_at", sa.Double(), nullable=True),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["interval_id"],
            ["phonon_ledger_intervals.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("phonon_ledger_plans_interval", "phonon_ledger_plans", ["interval_id"], unique=False)
    op.create_table(
        "phonon_ledger_calls",
        sa.Column("interval_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("client_identifier", sa.Text(), nullable=False),
        sa.Column("number_last4", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["phonon_ledger_batches.id"],
        ),
        sa.ForeignKeyConstraint(
            ["interval_id"],
            ["phonon_ledger_intervals.id"],
        ),
        sa.PrimaryKeyConstraint("interval_id", "contact_id"),
    )
    op.create_index("phonon_ledger_calls_batch", "phonon_ledger_calls", ["batch_id"], unique=False)
    op.create_table(
        "phonon_ledger_rejects",
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number_last4", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["phonon_ledger_plans.id"],
        ),
        sa.PrimaryKeyConstraint("plan_id", "row_number"),
    )
    op.create_index(
        "phonon_ledger_rejects_contact", "phonon_ledger_rejects", ["plan_id", "contact_id"], unique=False
    )
    op.create_table(
        "phonon_ledger_sends",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("counts_until", sa.Double(), nullable=False),
        sa.Column("answered_at", sa.Double(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["phonon_ledger_batches.id"],
        ),
        sa.PrimaryKeyConstraint("batch_id", "fence"),
    )
    op.create_index(
        "phonon_ledger_sends_budget",
        "phonon_ledger_sends",
        ["endpoint", "account", "counts_until", "weight"],
        unique=False,
    )
