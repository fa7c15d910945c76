"""What names the interval of a run, and what a run with test numbers is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.desk import Desk
from phonon.errors import ConfigurationError, LedgerError, StoppedSendingError, UnreachableError, WarehouseError
from phonon.operators.context import PhononTaskError, airflow_errors, interval_key, run_of
from phonon.warehouse.failures import WrongTableError

IST = timezone(timedelta(hours=5, minutes=30))
NINE = datetime(2026, 11, 24, 9, 0, tzinfo=IST)


def run(**fields: object) -> Any:
    nothing = dict.fromkeys(("data_interval_start", "logical_date", "partition_key"))
    return SimpleNamespace(**{"run_id": "run-1", "run_type": "manual", **nothing, **fields})


@pytest.mark.parametrize(
    ("dag_run", "key"),
    [
        (run(data_interval_start=NINE - timedelta(days=1), logical_date=NINE), "2026-11-23T03:30:00+00:00"),
        (run(logical_date=NINE), "2026-11-24T03:30:00+00:00"),
        (run(run_id="asset_triggered__1"), "asset_triggered__1"),
    ],
    ids=["scheduled", "manual with a logical date", "asset-triggered without one"],
)
def test_the_interval_is_named_by_its_start_else_the_logical_date_else_the_run(dag_run: Any, key: str) -> None:
    assert interval_key(dag_run) == key


def test_the_same_instant_names_the_same_interval_in_every_timezone() -> None:
    assert interval_key(run(data_interval_start=NINE)) == interval_key(
        run(data_interval_start=NINE.astimezone(UTC))
    )


def described(dag_run: Any, *numbers: str | int) -> Any:
    return run_of({"dag_run": dag_run}, dry_run=False, limit=None, test_numbers=numbers)


def test_a_run_has_the_plain_name_of_airflows_run_type() -> None:
    dag_run = run(run_type=SimpleNamespace(value="backfill"))
    assert described(dag_run).run_type == "backfill"
    assert described(run()).run_type == "manual"


def test_a_run_with_test_numbers_has_an_interval_of_its_own_and_clean_numbers() -> None:
    found = described(run(logical_date=NINE), "+91 99999 00001", "09999900002", 9999900003)
    assert found.interval_key == "test:run-1"
    assert found.test_numbers == ("919999900001", "919999900002", "919999900003")


def test_a_limit_that_json_writes_as_a_whole_float_is_a_whole_number() -> None:
    found = run_of({"dag_run": run()}, dry_run=False, limit=2.0, test_numbers=())  # type: ignore[arg-type]
    assert (found.limit, type(found.limit)) == (2, int)


def test_a_bad_test_number_is_named_by_its_place_alone() -> None:
    with pytest.raises(ConfigurationError, match=r"test_numbers: entry 2 is not an Indian mobile number") as told:
        described(run(), "919999900001", "99999000")
    assert "99999" not in str(told.value)


@pytest.mark.parametrize("error", [ConfigurationError, WrongTableError])
def test_what_a_person_has_to_mend_is_not_tried_again(error: type[Exception]) -> None:
    with pytest.raises(AirflowFailException, match="what and how"), airflow_errors():
        raise error("what and how")


@pytest.mark.parametrize("error", [LedgerError, WarehouseError, StoppedSendingError, UnreachableError])
def test_what_may_pass_is_tried_again(error: type[Exception]) -> None:
    with pytest.raises(PhononTaskError, match="what and how"), airflow_errors():
        raise error("what and how")


def test_an_error_of_somebody_else_is_left_alone() -> None:
    with pytest.raises(ZeroDivisionError), airflow_errors():
        raise ZeroDivisionError


def test_a_partition_names_its_interval_whenever_it_is_delivered() -> None:
    first, second = (run(run_id=run_id, partition_key="2026-11") for run_id in ("asset_triggered__1", "manual__2"))
    assert interval_key(first) == interval_key(second) == "partition:2026-11"
    assert interval_key(run(partition_key="2026-11", logical_date=NINE)) == "partition:2026-11"


def test_a_run_for_no_partition_of_a_campaign_that_calls_by_partitions_is_refused(desk: Desk) -> None:
    schedule = {"asset": "duckdb://warehouse/renewals", "partitioned": True}
    with pytest.raises(AirflowFailException, match="this run has no partition key"):
        desk.extract(schedule=schedule)
    desk.dag_run = {"partition_key": "2026-11"}
    assert desk.extract(schedule=schedule)["interval_key"] == "partition:2026-11"
