"""The ledger's tables, as SQLAlchemy Core sees them. Their history is in ``migrations``.

Times are seconds since the epoch, UTC. Every table has the prefix ``phonon_ledger_``, since the ledger may
live in the same database as the warehouse. No table but ``batches`` (its ``frozen``) holds a phone number.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

PREFIX = "phonon_ledger_"
metadata = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is SQLite's own row id
_BIG = BigInteger()

meta = Table(
    f"{PREFIX}meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

intervals = Table(
    f"{PREFIX}intervals",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("interval_key", Text, nullable=False),
    Column("plan_id", _BIG),  # the newest plan that was completed; only its rejects count
    UniqueConstraint("campaign", "interval_key", name=f"{PREFIX}intervals_key"),
)

plans = Table(
    f"{PREFIX}plans",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("interval_id", _BIG, ForeignKey(intervals.c.id), nullable=False),
    Column("run_id", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("completed_at", Double),
    Column("rows_read", _BIG, nullable=False, default=0),
    Column("planned", _BIG, nullable=False, default=0),
    Column("task", Text),  # of the run, where one campaign can be several
    Index(f"{PREFIX}plans_interval", "interval_id"),
)

batches = Table(
    f"{PREFIX}batches",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("interval_id", _BIG, ForeignKey(intervals.c.id), nullable=False),
    Column("parent_id", _BIG),
    Column("plan_id", _BIG),  # the plan that claimed its calls, in whatever batch they were then
    Column("run_id", Text, nullable=False),  # the run that last changed it
    Column("endpoint", Text, nullable=False),
    Column("api_version", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("frozen", LargeBinary),  # the calls array, deflated; erased some time after the batch is settled
    Column("frozen_sha256", Text, nullable=False),
    Column("starts_at", Double, nullable=False),  # the earliest start-time of its calls
    Column("not_after", Double, nullable=False),  # end of the day of starts_at
    Column("state", Text, nullable=False),
    Column("past", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("fence", Integer, nullable=False, default=0),
    Column("owner", Text),
    Column("lease_until", Double),
    Column("not_before", Double, nullable=False, default=0),
    Column("body_sha256", Text),  # of the last body sent, with the envelope
    Column("sent_at", Double),
    Column("code", Integer),
    Column("message", Text),
    Column("request_id", Text),
    Column("phonon_uuids", LargeBinary),  # deflated JSON object, client-identifier -> phonon-uuid
    Column("reason", Text),
    Column("changed_at", Double, nullable=False),
    Index(f"{PREFIX}batches_open", "interval_id", "state", "id"),
    Index(f"{PREFIX}batches_day", "not_after", "interval_id"),
)
Index(
    f"{PREFIX}batches_unerased",
    batches.c.changed_at,
    sqlite_where=batches.c.frozen.is_not(None),
    postgresql_where=batches.c.frozen.is_not(None),
)

calls = Table(
    f"{PREFIX}calls",
    metadata,
    Column("interval_id", _BIG, ForeignKey(intervals.c.id), nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("client_identifier", Text, nullable=False),
    Column("number_last4", Text, nullable=False),
    Column("starts_at", Double, nullable=False),
    # No foreign keys in what is written for every contact: PostgreSQL would look each one up.
    Column("batch_id", _BIG, nullable=False),
    Column("plan_id", _BIG, nullable=False),  # the newest plan whose query returned the contact
    PrimaryKeyConstraint("interval_id", "contact_id"),
    Index(f"{PREFIX}calls_batch", "batch_id"),
)

number_uses = Table(
    f"{PREFIX}number_uses",
    metadata,
    Column("scope", Text, nullable=False),
    Column("number_hash", _BIG, nullable=False),
    Column("interval_id", _BIG, nullable=False),
    Column("contact_id", Text, nullable=False),
    Index(f"{PREFIX}number_uses_recent", "scope", "number_hash", "interval_id"),
)

rejects = Table(
    f"{PREFIX}rejects",
    metadata,
    Column("plan_id", _BIG, nullable=False),
    Column("row_number", _BIG, nullable=False),
    Column("contact_id", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("number_last4", Text),
    PrimaryKeyConstraint("plan_id", "row_number"),
    Index(f"{PREFIX}rejects_contact", "plan_id", "contact_id"),
)

sends = Table(
    f"{PREFIX}sends",
    metadata,
    Column("batch_id", _BIG, ForeignKey(batches.c.id), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("weight", Integer, nullable=False),  # what it takes of the limit: its calls, or one request
    Column("bytes", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("counts_until", Double, nullable=False),
    Column("answered_at", Double),
    Column("http_status", Integer),
    Column("code", Integer),
    Column("outcome", Text),
    PrimaryKeyConstraint("batch_id", "fence"),
    Index(f"{PREFIX}sends_budget", "endpoint", "account", "counts_until", "weight"),
)

rates = Table(
    f"{PREFIX}rates",
    metadata,
    Column("endpoint", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("share", Double, nullable=False),  # of the limit that is used, lowered by a 429
    Column("share_at", Double, nullable=False),
    Column("blocked_until", Double, nullable=False),
    PrimaryKeyConstraint("endpoint", "account"),
)

pauses = Table(
    f"{PREFIX}pauses",
    metadata,
    Column("scope", Text, primary_key=True),  # a campaign's name, or "*" for everything
    Column("paused_at", Double, nullable=False),
    Column("paused_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

approvals = Table(
    f"{PREFIX}approvals",
    metadata,
    Column("interval_id", _BIG, ForeignKey(intervals.c.id), primary_key=True, autoincrement=False),
    Column("calls", _BIG, nullable=False),  # of those claimed in the interval, how many may be sent
    Column("approved_at", Double, nullable=False),
    Column("approved_by", Text, nullable=False),
)

run_starts = Table(
    f"{PREFIX}run_starts",
    metadata,
    Column("campaign", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("began_at", Double, nullable=False),
    PrimaryKeyConstraint("campaign", "run_id"),
)

decisions = Table(
    f"{PREFIX}decisions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("decided_at", Double, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column(
        "action", Text, nullable=False
    ),  # release, close, accept, hold; remember; pause, resume; do-not-call; approve, reject
    Column("scope", Text, nullable=False),  # the campaign, or "*" for everything
    Column("batch_id", _BIG),
    Column("calls", Integer),
    Column("note", Text, nullable=False),
    Index(f"{PREFIX}decisions_batch", "batch_id"),
)

known_calls = Table(
    f"{PREFIX}known_calls",
    metadata,
    Column("client_identifier", Text, primary_key=True),
    Column("phonon_uuid", Text),
    Column("request_id", Text),
    Column("noted_at", Double, nullable=False),
    Column("noted_by", Text, nullable=False),
)

do_not_call = Table(
    f"{PREFIX}do_not_call",
    metadata,
    Column("number_hash", _BIG, primary_key=True, autoincrement=False),
    Column("added_at", Double, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("note", Text, nullable=False),
)

row_ranges = Table(
    f"{PREFIX}row_ranges",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("watched", Text, nullable=False),  # names a campaign and what it watches
    Column("interval_id", _BIG, ForeignKey(intervals.c.id), nullable=False),
    Column("after", Text),
    Column("upto", Text),
    UniqueConstraint("watched", "interval_id", name=f"{PREFIX}row_ranges_key"),
    Index(f"{PREFIX}row_ranges_newest", "watched", "id"),
)

begun_runs = Table(
    f"{PREFIX}begun_runs",
    metadata,
    Column("campaign", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("sequence", _BIG, nullable=False),  # of the last try that began to send
    Column("begun_at", Double, nullable=False),
    Column("requests", _BIG, nullable=False, default=0),  # the most that the warehouse was told of
    PrimaryKeyConstraint("campaign", "run_id"),
)

adopted = Table(
    f"{PREFIX}adopted",
    metadata,
    Column("ledger_id", Text, primary_key=True),
    Column("adopted_at", Double, nullable=False),
    Column("adopted_by", Text, nullable=False),
    Column("note", Text, nullable=False),
)

doubted = Table(
    f"{PREFIX}doubted",
    metadata,
    Column("campaign", Text, nullable=False),
    Column("interval_key", Text, nullable=False),
    Column("doubted_at", Double, nullable=False),
    Column("doubted_by", Text, nullable=False),
    PrimaryKeyConstraint("campaign", "interval_key"),
)
