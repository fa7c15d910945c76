"""Alembic's entry: runs the versions on the connection that the ledger hands over."""

from __future__ import annotations

from alembic import context

from phonon.ledger.schema import PREFIX, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=f"{PREFIX}version",
    # One transaction is already open: two tasks that start at once must not migrate both.
    transactional_ddl=False,
)
context.run_migrations()
