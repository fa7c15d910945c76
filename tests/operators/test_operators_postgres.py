"""Ledger and warehouse in PostgreSQL, named by Airflow connections, with tasks on more than one machine."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.desk import PEOPLE, Desk
from postgres_server import PostgresDatabase


def test_a_ledger_in_postgres_is_accepted_where_tasks_run_on_many_machines(
    desk: Desk, postgres_server: PostgresDatabase
) -> None:
    desk.environment.setenv("AIRFLOW_CONN_PHONON_LEDGER", postgres_server.airflow_connection)
    desk.environment.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    assert desk.outbound()["by_status"] == {"accepted": PEOPLE}
    assert postgres_server.execute("SELECT count(*) FROM phonon_ledger_version") == [(1,)]


def test_a_misspelt_tls_option_of_the_ledger_is_not_passed_over(
    desk: Desk, postgres_server: PostgresDatabase
) -> None:
    connection = {**json.loads(postgres_server.airflow_connection), "extra": {"sslmodee": "require"}}
    desk.connect("phonon_ledger", **connection)
    with pytest.raises(AirflowFailException, match="unknown keys in its extra: sslmodee"):
        desk.outbound()
    assert desk.phonon.summary()["requests"] == 0
