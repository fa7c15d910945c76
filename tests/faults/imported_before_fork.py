"""What the tasks of the fault tests import: each takes seconds, unless the process it forks from has it."""
# ruff: noqa: F401

from __future__ import annotations

import duckdb
import pandas as pd
import psycopg
import pyarrow as pa
from airflow.dag_processing import dagbag
from airflow.providers.duckdb.hooks import duckdb as duckdb_hook
from airflow.providers.postgres.hooks import postgres as postgres_hook
from airflow.sdk.execution_time import task_runner
from alembic import command
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from phonon import dag_factory
from phonon.campaign import job
from phonon.hooks import ledger, phonon, warehouse
from phonon.ledger import migration
from phonon.warehouse import duckdb_warehouse, postgres_warehouse
