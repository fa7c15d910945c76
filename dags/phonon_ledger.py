"""One Airflow Dag: ``phonon_ledger_maintenance`` keeps the ledger small."""

from __future__ import annotations

from phonon.ledger_dags import ledger_dags

globals().update(ledger_dags())
