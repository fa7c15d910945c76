from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonon.errors import ConfigurationError, WarehouseError
from phonon.warehouse.failures import WrongTableError
from phonon.warehouse.tables import RESULTS_TABLE, RUNS_TABLE, Kind, TableName, results_table, runs_table
from postgres_server import PostgresDatabase
from warehouse.place import Place

# psycopg2 changes nothing here.
_PRECISE = ["duckdb", "postgres"]

_RESULTS = [
    *("campaign", "interval_key", "run_id", "contact_id", "client_identifier", "number_last4", "status", "reason"),
    *("api_code", "api_message", "request_id", "phonon_uuid", "batch_id", "endpoint", "flow_id"),
    *("start_time", "sent_at", "recorded_at"),
]


@pytest.fixture(params=[*_PRECISE, "generic"])
def place(request: pytest.FixtureRequest) -> Place:
    return request.getfixturevalue(f"in_{request.param}")


@pytest.fixture(params=_PRECISE)
def precise(request: pytest.FixtureRequest) -> Place:
    """The engines on which types are checked."""
    return request.getfixturevalue(f"in_{request.param}")


def columns(place: Place, table: str, schema: str) -> dict[str, str]:
    rows = place.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_name = '{table}' AND table_schema = '{schema}' ORDER BY ordinal_position"
    )
    return {name: str(its_type).lower() for name, its_type in rows}


def home(place: Place) -> str:
    return "main" if place.engine == "duckdb" else "public"


def wrong(place: Place) -> str:
    with pytest.raises(WrongTableError) as raised:
        place.warehouse.ensure_tables(RESULTS_TABLE)
    return str(raised.value)


def test_both_tables_are_created_where_they_are_absent(place: Place) -> None:
    place.warehouse.ensure_tables(RESULTS_TABLE)

    found = columns(place, RESULTS_TABLE, home(place))
    assert list(found) == _RESULTS
    assert found["api_code"] == "integer"
    assert found["sent_at"] == "timestamp with time zone"
    assert columns(place, RUNS_TABLE, home(place))["highest_in_any_minute"] == "bigint"


def test_tables_that_were_created_pass_the_check(place: Place) -> None:
    place.warehouse.ensure_tables(RESULTS_TABLE)
    place.execute(f"INSERT INTO {RUNS_TABLE} (campaign, run_id, recorded_at) VALUES ('c', 'r', '2026-11-24')")

    place.warehouse.ensure_tables(RESULTS_TABLE)

    assert place.execute(f"SELECT count(*) FROM {RUNS_TABLE}") == [(1,)]


def test_the_runs_are_in_the_schema_of_the_results(place: Place) -> None:
    place.execute("CREATE SCHEMA analytics")

    place.warehouse.ensure_tables("analytics.calls")
    place.warehouse.ensure_tables("analytics.calls")

    assert list(columns(place, "calls", "analytics")) == _RESULTS
    assert "outcome" in columns(place, RUNS_TABLE, "analytics")
    assert columns(place, RUNS_TABLE, home(place)) == {}


def test_a_name_means_what_it_means_unquoted(place: Place) -> None:
    place.warehouse.ensure_tables("Phonon_Calls")

    assert place.execute("SELECT count(*) FROM PHONON_CALLS") == [(0,)]
    place.warehouse.ensure_tables("PHONON_calls")


def test_a_name_may_be_a_word_of_sql(precise: Place) -> None:
    precise.warehouse.ensure_tables("order")

    assert precise.execute('SELECT count(*) FROM "order"') == [(0,)]


def test_a_schema_that_is_not_there_is_named_with_the_cure(place: Place) -> None:
    with pytest.raises(WarehouseError, match="analytics") as raised:
        place.warehouse.ensure_tables("analytics.calls")
    if place.engine in _PRECISE:
        assert "CREATE SCHEMA analytics" in str(raised.value)


@pytest.mark.parametrize(
    ("change", "complaint", "cure"),
    [
        ("DROP COLUMN flow_id", "it has no column flow_id", "Add it as"),
        (
            "ALTER COLUMN sent_at TYPE timestamp",
            "column sent_at is timestamp",
            "Change it to timestamp with time zone",
        ),
        ("ALTER COLUMN api_code TYPE varchar(20)", "column api_code is", "Change it to integer"),
        ("ALTER COLUMN reason TYPE bytea USING NULL", "column reason is b", "Change it to"),
        ("ALTER COLUMN request_id SET NOT NULL", "column request_id is", "Drop its NOT NULL"),
    ],
)
def test_a_table_of_another_shape_is_refused(precise: Place, change: str, complaint: str, cure: str) -> None:
    precise.warehouse.ensure_tables(RESULTS_TABLE)
    precise.execute(f"ALTER TABLE {RESULTS_TABLE} {change}")

    text = wrong(precise)

    assert f"Table {RESULTS_TABLE} in the warehouse 'warehouse'" in text
    assert complaint in text.replace("TIMESTAMP", "timestamp").replace("BLOB", "blob")
    assert cure.lower() in text.lower()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER COLUMN api_code TYPE bigint",
        "ALTER COLUMN api_code TYPE numeric(10, 0)",
        "ALTER COLUMN reason TYPE varchar(200)",
        "ADD COLUMN note varchar",
        "ADD COLUMN source varchar DEFAULT 'phonon'",
    ],
)
def test_a_table_that_can_hold_the_same_is_fine(precise: Place, change: str) -> None:
    precise.warehouse.ensure_tables(RESULTS_TABLE)
    precise.execute(f"ALTER TABLE {RESULTS_TABLE} {change}")

    precise.warehouse.ensure_tables(RESULTS_TABLE)


def test_a_column_of_the_users_that_nobody_would_fill_is_refused(precise: Place) -> None:
    precise.warehouse.ensure_tables(RESULTS_TABLE)
    precise.execute(f"ALTER TABLE {RESULTS_TABLE} ADD COLUMN region varchar")
    precise.execute(f"ALTER TABLE {RESULTS_TABLE} ALTER COLUMN region SET NOT NULL")

    assert "column region" in wrong(precise)


def test_a_not_null_column_of_the_users_with_a_default_is_fine(precise: Place) -> None:
    precise.warehouse.ensure_tables(RESULTS_TABLE)
    precise.execute(f"ALTER TABLE {RESULTS_TABLE} ADD COLUMN region varchar DEFAULT 'south'")
    precise.execute(f"ALTER TABLE {RESULTS_TABLE} ALTER COLUMN region SET NOT NULL")

    precise.warehouse.ensure_tables(RESULTS_TABLE)


def test_a_view_is_refused(precise: Place) -> None:
    precise.execute(f"CREATE VIEW {RESULTS_TABLE} AS SELECT 1 AS campaign")

    assert "it is a view" in wrong(precise)


def test_a_missing_column_is_named_on_any_database(in_generic: Place) -> None:
    in_generic.warehouse.ensure_tables(RESULTS_TABLE)
    in_generic.execute(f"ALTER TABLE {RUNS_TABLE} DROP COLUMN outcome")

    assert "it has no column outcome" in wrong(in_generic)


def test_a_table_of_an_earlier_version_gets_its_new_columns(place: Place) -> None:
    place.warehouse.ensure_tables(RESULTS_TABLE)
    place.execute(f"ALTER TABLE {RUNS_TABLE} DROP COLUMN ledger_id")
    place.execute(f"INSERT INTO {RUNS_TABLE} (campaign, run_id, recorded_at) VALUES ('c', 'r', '2026-11-24')")

    place.warehouse.ensure_tables(RESULTS_TABLE)
    place.warehouse.ensure_tables(RESULTS_TABLE)

    assert place.execute(f"SELECT run_id, ledger_id FROM {RUNS_TABLE}") == [("r", None)]


def test_a_user_who_may_not_add_columns_is_given_the_statement(
    in_postgres: Place, postgres_server: PostgresDatabase
) -> None:
    in_postgres.warehouse.ensure_tables(RESULTS_TABLE)
    postgres_server.execute(f"ALTER TABLE {RUNS_TABLE} DROP COLUMN ledger_id")
    postgres_server.execute("DROP ROLE IF EXISTS writer")
    postgres_server.execute("CREATE ROLE writer")
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET role TO writer")

    with pytest.raises(WarehouseError) as raised:
        in_postgres.warehouse.ensure_tables(RESULTS_TABLE)
    assert f'ALTER TABLE "{RUNS_TABLE}" ADD COLUMN "ledger_id" text.' in str(raised.value)


def test_a_user_who_may_only_read_is_found_out_before_anything_is_written(
    in_postgres: Place, postgres_server: PostgresDatabase
) -> None:
    in_postgres.warehouse.ensure_tables(RESULTS_TABLE)
    in_postgres.warehouse.check_writable(RESULTS_TABLE)
    postgres_server.execute("DROP ROLE IF EXISTS looker")
    postgres_server.execute("CREATE ROLE looker")
    postgres_server.execute(f"GRANT SELECT ON {RESULTS_TABLE}, {RUNS_TABLE} TO looker")
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET role TO looker")

    with pytest.raises(WarehouseError, match=f"permission denied for table {RESULTS_TABLE}"):
        in_postgres.warehouse.check_writable(RESULTS_TABLE)


def test_a_user_who_may_not_create_tables_is_told_so(in_postgres: Place, postgres_server: PostgresDatabase) -> None:
    postgres_server.execute("CREATE SCHEMA private_to_others")
    postgres_server.execute("DROP ROLE IF EXISTS guest")
    postgres_server.execute("CREATE ROLE guest")
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET role TO guest")

    with pytest.raises(WarehouseError, match="permission denied for schema private_to_others"):
        in_postgres.warehouse.ensure_tables("private_to_others.calls")


def test_a_user_who_may_not_write_is_told_so(in_postgres: Place, postgres_server: PostgresDatabase) -> None:
    in_postgres.warehouse.ensure_tables(RESULTS_TABLE)
    postgres_server.execute("DROP ROLE IF EXISTS reader")
    postgres_server.execute("CREATE ROLE reader")
    postgres_server.execute(f"ALTER DATABASE {postgres_server.name} SET role TO reader")

    with pytest.raises(WarehouseError, match=f"permission denied for table {RESULTS_TABLE}"):
        in_postgres.warehouse.replace_results(RESULTS_TABLE, campaign="c", interval_key="i", chunks=[])


def test_a_results_table_that_is_created_has_an_index_on_its_key(in_postgres: Place) -> None:
    in_postgres.warehouse.ensure_tables(RESULTS_TABLE)

    [(definition,)] = in_postgres.execute(f"SELECT indexdef FROM pg_indexes WHERE tablename = '{RESULTS_TABLE}'")
    assert "(campaign, interval_key)" in definition


@pytest.mark.parametrize(
    "name",
    ["", "a.b.c", "1st", "a b", "calls;", 'ca"lls', "a.", ".a", "kälte", "a" * 64, "a\n", "x--", "analytics.1st"],
)
def test_what_cannot_be_a_table_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a table name"):
        results_table(name)


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}(\.[A-Za-z_][A-Za-z0-9_]{0,20})?", fullmatch=True))
def test_a_table_name_is_read_as_it_is_written(text: str) -> None:
    assert str(TableName.parse(text)) == text


def test_the_table_of_runs_cannot_be_the_results_table() -> None:
    with pytest.raises(ConfigurationError, match="is the table of runs"):
        results_table("analytics.phonon_campaign_runs")


def test_a_created_column_passes_its_own_check() -> None:
    for kind in Kind:
        assert kind.value.duckdb.lower() in kind.value.accepted
        assert kind.value.postgres in kind.value.accepted


def test_the_runs_table_has_a_column_for_each_status() -> None:
    statuses = {
        "accepted",
        "accepted_earlier",
        "refused",
        "invalid",
        "suppressed",
        "dry_run",
        "held",
        "pending",
        "expired",
    }

    assert statuses <= {column.name for column in runs_table(RESULTS_TABLE).columns}
