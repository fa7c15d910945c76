from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonon.errors import LedgerError, WarehouseError
from phonon.grouped_rows import GroupedRows
from phonon.warehouse.tables import RESULTS_TABLE, RUNS_TABLE
from warehouse.place import Place

_RECORDED = dt.datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=dt.UTC)

_TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


class Status(StrEnum):
    ACCEPTED = "accepted"


@pytest.fixture
def ready(place: Place) -> Place:
    """A warehouse that has its tables."""
    place.warehouse.ensure_tables(RESULTS_TABLE)
    return place


def results(*contacts: str, **values: object) -> GroupedRows:
    known = {"status": "accepted", "recorded_at": _RECORDED} | values
    return GroupedRows([len(contacts)], {name: [value] for name, value in known.items()}, {"contact_id": contacts})


def with_own(rows: GroupedRows, **columns: Sequence[object]) -> GroupedRows:
    shared = {name: values for name, values in rows.shared.items() if name not in columns}
    return GroupedRows(rows.counts, shared, {**rows.own, **columns})


def push(place: Place, *chunks: GroupedRows, interval: str = "2026-11-24T00:00:00+00:00") -> int:
    return place.warehouse.replace_results(RESULTS_TABLE, campaign="reminder", interval_key=interval, chunks=chunks)


def contacts(place: Place) -> list[tuple[object, ...]]:
    return place.execute(f"SELECT interval_key, contact_id FROM {RESULTS_TABLE} ORDER BY interval_key, contact_id")


def written(place: Place, column: str, table: str = RESULTS_TABLE) -> list[object]:
    frames = place.warehouse.read(f"SELECT {column} FROM {table} ORDER BY {column}", chunk_rows=100)
    return [value for frame in frames for value in frame[column]]


def refused(place: Place, *chunks: GroupedRows) -> str:
    push(place, results("before"))
    with pytest.raises(WarehouseError) as raised:
        push(place, *chunks)
    assert written(place, "contact_id") == ["before"]
    assert raised.value.__cause__ is None
    return str(raised.value)


def test_all_chunks_are_written_and_counted(ready: Place) -> None:
    assert push(ready, results("a", "b"), results(), results("c")) == 3
    assert written(ready, "contact_id") == ["a", "b", "c"]


def test_a_second_push_replaces_the_rows_of_its_interval_only(ready: Place) -> None:
    push(ready, results("a", "b"), interval="1")
    push(ready, results("c"), interval="2")

    push(ready, results("b", "d"), interval="1")

    assert contacts(ready) == [("1", "b"), ("1", "d"), ("2", "c")]


def test_another_campaigns_rows_stay(ready: Place) -> None:
    push(ready, results("a"), interval="1")

    ready.warehouse.replace_results(RESULTS_TABLE, campaign="other", interval_key="1", chunks=[results("b")])

    assert contacts(ready) == [("1", "a"), ("1", "b")]


def test_a_push_of_nothing_removes_what_was_there(ready: Place) -> None:
    push(ready, results("a"))

    assert push(ready) == 0
    assert contacts(ready) == []


def test_an_error_between_the_chunks_passes_and_leaves_what_was_there(ready: Place) -> None:
    def chunks() -> Iterator[GroupedRows]:
        yield results("new")
        raise LedgerError("gone")

    push(ready, results("before"), interval="1")

    with pytest.raises(LedgerError, match="gone"):
        ready.warehouse.replace_results(RESULTS_TABLE, campaign="reminder", interval_key="1", chunks=chunks())
    assert contacts(ready) == [("1", "before")]


def test_a_row_the_database_refuses_leaves_what_was_there_and_is_not_repeated(ready: Place) -> None:
    check = "ALTER TABLE phonon_call_results ADD CONSTRAINT short CHECK (length(contact_id) < 7)"
    if ready.engine == "duckdb":
        ready.execute(f"DROP TABLE {RESULTS_TABLE}")
        ready.execute(
            "CREATE TABLE phonon_call_results (campaign text, interval_key text, run_id text, "
            "contact_id text CHECK (length(contact_id) < 7), client_identifier text, number_last4 text, "
            "status text, reason text, api_code integer, api_message text, request_id text, phonon_uuid text, "
            "batch_id text, endpoint text, flow_id text, start_time timestamptz, sent_at timestamptz, "
            "recorded_at timestamptz)"
        )
    else:
        ready.execute(check)

    text = refused(ready, results("new"), results("919999912345", api_message="Asha"))

    assert "while writing to the table phonon_call_results" in text
    assert "9999912345" not in text
    assert "Asha" not in text


def test_a_text_too_long_for_the_users_column_is_not_repeated(in_postgres: Place) -> None:
    in_postgres.warehouse.ensure_tables(RESULTS_TABLE)
    in_postgres.execute(f"ALTER TABLE {RESULTS_TABLE} ALTER COLUMN reason TYPE varchar(5)")

    text = refused(in_postgres, results("a", reason="919999912345 Asha"))

    assert "value too long" in text
    assert "Asha" not in text
    assert "9999912345" not in text


def test_times_arrive_as_the_same_instants(ready: Place) -> None:
    in_india = _RECORDED.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
    push(ready, results("a", sent_at=in_india), results("b", sent_at=None))

    assert written(ready, "sent_at") == [_RECORDED, None]


def test_values_that_are_nearly_of_the_columns_type_are_written_as_meant(ready: Place) -> None:
    rows = with_own(
        results("a", "b", "c"),
        api_code=[200, None, 209],
        sent_at=[pd.Timestamp(_RECORDED), None, None],
        reason=["x", None, "y"],
        batch_id=[UUID(int=1), None, 7],
        status=[Status.ACCEPTED] * 3,
    )
    push(ready, rows)

    assert written(ready, "api_code") == [200, 209, None]
    assert written(ready, "sent_at") == [_RECORDED, None, None]
    assert written(ready, "reason") == ["x", "y", None]
    assert written(ready, "batch_id") == [str(UUID(int=1)), "7", None]
    assert written(ready, "status") == ["accepted"] * 3


def test_a_column_that_is_left_out_is_null(ready: Place) -> None:
    push(ready, results("a"))

    assert written(ready, "api_message") == [None]


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_a_text_no_database_can_hold_does_not_stop_the_others(ready: Place, text: str) -> None:
    push(ready, results("a", api_message=text), results("b", api_message="fine"))

    [kept, fine] = written(ready, "api_message")
    assert fine == "fine"
    assert str(kept)[0] + str(kept)[2] == "ab"


@pytest.mark.parametrize("engine", ["duckdb", "postgres", "psycopg2"])
def test_every_text_comes_back_as_it_was(engine: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    place.warehouse.ensure_tables(RESULTS_TABLE)

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(_TEXTS | st.none(), min_size=1))
    def check(texts: list[str | None]) -> None:
        push(place, with_own(results(*map(str, range(len(texts)))), api_message=texts))
        sql = f"SELECT api_message FROM {RESULTS_TABLE} ORDER BY CAST(contact_id AS integer)"
        [kept] = place.warehouse.read(sql, chunk_rows=1000)
        assert list(kept["api_message"]) == texts

    check()


_SHARED = st.tuples(
    _TEXTS | st.none(),
    st.integers(-(2**31), 2**31 - 1) | st.none(),
    st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)) | st.none(),  # noqa: DTZ001 - hypothesis adds the zone
)


@pytest.mark.parametrize("engine", ["duckdb", "postgres", "generic"])
def test_each_row_has_its_own_values_and_those_of_its_group(engine: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    place.warehouse.ensure_tables(RESULTS_TABLE)

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.integers(1, 20), _SHARED, _SHARED), min_size=1, max_size=6))
    def check(groups: list[tuple[int, tuple[Any, ...], tuple[Any, ...]]]) -> None:
        counts = [count for count, _, _ in groups]
        alike = [shared for _, shared, _ in groups]
        # Every other row of a group has the group's second tuple, the rest have nothing.
        each = [own if row % 2 else (None, None, None) for count, _, own in groups for row in range(count)]
        rows = GroupedRows(
            counts,
            {
                "status": ["accepted"] * len(groups),
                "recorded_at": [_RECORDED] * len(groups),
                "reason": [shared[0] for shared in alike],
                "api_code": [shared[1] for shared in alike],
                "sent_at": [shared[2] for shared in alike],
            },
            {
                "contact_id": [str(row) for row in range(len(each))],
                "phonon_uuid": [own[0] for own in each],
                "start_time": [own[2] for own in each],
            },
        )

        assert push(place, rows) == len(each)

        sql = f"""
            SELECT reason, api_code, sent_at, phonon_uuid, start_time FROM {RESULTS_TABLE}
            ORDER BY CAST(contact_id AS integer)
        """
        [kept] = place.warehouse.read(sql, chunk_rows=1000)
        of_row = [shared for count, shared, _ in groups for _ in range(count)]
        expected = [(*shared, own[0], own[2]) for shared, own in zip(of_row, each, strict=True)]
        assert list(kept.itertuples(index=False, name=None)) == expected

    check()


def test_a_text_that_means_something_elsewhere_is_only_text(ready: Place) -> None:
    texts = ["", r"\N", "\\.", "\\", "a\tb\r\nc", "'\"; DROP TABLE x; --", "100%s"]
    push(ready, results(*texts))

    assert sorted(map(str, written(ready, "contact_id"))) == sorted(texts)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"mobile": "919999912345"}, "there is no column mobile"),
        ({"status": None}, "column status is empty"),
        ({"recorded_at": "2026-11-24"}, "column recorded_at takes TIMESTAMP, and a row has a str"),
        ({"sent_at": dt.datetime(2026, 11, 24)}, "column sent_at takes TIMESTAMP, and a row has a time without a"),  # noqa: DTZ001 - the case
        ({"api_code": "200"}, "column api_code takes INTEGER, and a row has a str"),
        ({"api_code": 2**31}, "column api_code takes INTEGER, and a row has an integer of more than 32 bits"),
        ({"api_code": 200.0}, "column api_code takes INTEGER, and a row has a float"),
        ({"reason": {"a": "919999912345"}}, "column reason takes TEXT, and a row has a dict"),
        ({"campaign": "other"}, "a row's campaign is not the one whose rows are being replaced"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_column(
    in_postgres: Place, values: dict[str, object], complaint: str
) -> None:
    in_postgres.warehouse.ensure_tables(RESULTS_TABLE)
    own = {name: [value] for name, value in values.items()}
    for wrong in (results("a", **values), with_own(results("a"), **own)):
        text = refused(in_postgres, results("new"), wrong)

        assert complaint in text
        assert "919999912345" not in text


def test_a_table_that_is_not_there_is_named(place: Place) -> None:
    with pytest.raises(WarehouseError, match=f"{RESULTS_TABLE}.* does not exist"):
        push(place, results("a"))


@pytest.mark.parametrize("engine", ["postgres", "psycopg2"])
def test_two_pushes_at_once_leave_the_rows_of_one(engine: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(f"in_{engine}")
    place.warehouse.ensure_tables(RESULTS_TABLE)
    rival = threading.Thread(target=push, args=(place, results("second")), kwargs={"interval": "1"})

    def first() -> Iterator[GroupedRows]:
        rival.start()
        # Until the rival waits for this one, or, if nothing holds it up, is done.
        while rival.is_alive() and place.execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            time.sleep(0.01)
        yield results("first")

    place.warehouse.replace_results(RESULTS_TABLE, campaign="reminder", interval_key="1", chunks=first())
    rival.join()

    assert contacts(place) == [("1", "second")]


def test_a_run_is_one_row_that_is_replaced(ready: Place) -> None:
    run = {"campaign": "reminder", "run_id": "manual__1", "recorded_at": _RECORDED, "codes": '{"200": 3}'}
    ready.warehouse.replace_run(run | {"accepted": 1, "seconds": 0.25})
    ready.warehouse.replace_run(run | {"accepted": 2**40, "seconds": 1.5, "first_sent_at": _RECORDED})
    ready.warehouse.replace_run(run | {"run_id": "manual__2", "accepted": 7})

    sql = f"SELECT run_id, codes, accepted, seconds, first_sent_at FROM {RUNS_TABLE} ORDER BY run_id"
    [frame] = ready.warehouse.read(sql, chunk_rows=10)
    assert [tuple(row) for row in frame.itertuples(index=False)] == [
        ("manual__1", '{"200": 3}', 2**40, 1.5, _RECORDED),
        ("manual__2", '{"200": 3}', 7, None, None),
    ]


def test_a_run_is_written_beside_its_results(ready: Place) -> None:
    ready.execute("CREATE SCHEMA analytics")
    ready.warehouse.ensure_tables("analytics.calls")

    run = {"campaign": "reminder", "run_id": "manual__1", "recorded_at": _RECORDED}
    ready.warehouse.replace_run(run, results_table="analytics.calls")

    assert written(ready, "run_id", f"analytics.{RUNS_TABLE}") == ["manual__1"]
    assert written(ready, "run_id", RUNS_TABLE) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"colour": 1}, "there is no column colour"), ({"run_id": None}, "column run_id is empty")],
)
def test_a_run_that_does_not_fit_is_refused(ready: Place, change: dict[str, object], complaint: str) -> None:
    run = {"campaign": "reminder", "run_id": "manual__1", "recorded_at": _RECORDED}

    with pytest.raises(WarehouseError, match=complaint):
        ready.warehouse.replace_run(run | change)
