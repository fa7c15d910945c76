"""Ledger and warehouse behind a pooler in transaction mode, where no session lasts longer than a transaction."""

from __future__ import annotations

from operators.desk import Desk
from postgres_server import PostgresDatabase

_PEOPLE = 3_000


def test_a_campaign_runs_through_pgbouncer_in_transaction_mode(desk: Desk, pgbouncer: PostgresDatabase) -> None:
    pgbouncer.execute(
        "CREATE TABLE people AS SELECT 'C' || i AS id, '9199999' || lpad(i::text, 5, '0') AS mobile, "
        f"'Asha' AS name FROM generate_series(1, {_PEOPLE}) i"
    )
    for conn_id in ("PHONON_LEDGER", "WAREHOUSE"):
        desk.environment.setenv(f"AIRFLOW_CONN_{conn_id}", pgbouncer.airflow_connection)
    assert desk.outbound()["by_status"] == {"accepted": _PEOPLE}
    [(written,)] = pgbouncer.execute("SELECT count(*) FROM phonon_call_results WHERE status = 'accepted'")
    assert written == _PEOPLE
