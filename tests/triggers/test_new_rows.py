"""New rows of a table: the trigger tells of them, the ledger gives each row to exactly one run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import URL

from phonon.campaign.new_rows import TakingNewRows
from phonon.campaign.new_rows_beginning import NewRowsBeginning
from phonon.campaign.schedule import NewRows
from phonon.cursor_value import RowRange
from phonon.errors import ConfigurationError
from phonon.hooks.warehouse import warehouse_of
from phonon.ledger.store import Ledger
from phonon.triggers.new_rows import NewRowsTrigger
from trial import sqlite_url

_WATCH = NewRows(table="leads", cursor="id", every="1s", settle="1s")
_CONTACTS = "SELECT id FROM leads"


class Store:
    """What the triggerer injects: the asset's own key-value store."""

    def __init__(self) -> None:
        self.content: dict[str, str] = {}

    async def aget(self, key: str, default: Any = None) -> Any:
        return json.loads(self.content[key]) if key in self.content else default

    async def aset(self, key: str, value: Any) -> None:
        self.content[key] = json.dumps(value)


class World:
    """A table that grows, the trigger that watches it, a ledger, and runs that were started by events."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.file = folder / "warehouse.duckdb"
        self.store = Store()
        self.ledger = ledger
        self.warehouse = warehouse_of("warehouse")
        self.trigger = self.restarted()
        self.rows = 0
        self.told: list[RowRange] = []
        self.runs: dict[str, list[int]] = {}
        with duckdb.connect(str(self.file)) as connection:
            connection.execute("CREATE TABLE leads (id BIGINT)")

    def restarted(self) -> NewRowsTrigger:
        """The trigger in a new process, with what the asset state store kept."""
        kind, arguments = NewRowsTrigger(
            watched=_WATCH.key_of("motor"),
            campaign="motor",
            warehouse_conn_id="warehouse",
            table="leads",
            query=None,
            cursor="id",
            every=1.0,
            settle=0.0,
        ).serialize()
        assert kind == "phonon.triggers.new_rows.NewRowsTrigger"
        self.trigger = NewRowsTrigger(**arguments)
        self.trigger.asset_state_store = self.store
        return self.trigger

    def insert(self, count: int) -> None:
        with duckdb.connect(str(self.file)) as connection:
            connection.execute(f"INSERT INTO leads (id) SELECT * FROM range({self.rows}, {self.rows + count})")
        self.rows += count

    def look(self) -> RowRange | None:
        found = asyncio.run(self.trigger.look())
        if found is not None:
            self.told.append(RowRange.from_json(json.loads(json.dumps(found.as_json()))))
        return found

    def run(self, key: str, told: RowRange | None, *, record: bool = True) -> list[int]:
        taking = TakingNewRows("motor", _WATCH, self.ledger, self.warehouse)
        sql = taking.query(_CONTACTS, key, told, record=record)
        taken = [int(value) for chunk in self.warehouse.read(sql, chunk_rows=100) for value in chunk["id"]]
        if record:
            self.runs[key] = taken
        return taken

    def run_of_all_told(self) -> None:
        """Airflow makes one run of all events that wait."""
        if self.told:
            self.run(f"run {len(self.runs)}", RowRange.spanning(self.told))
            self.told = []


@pytest.fixture
def warehouse_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with TemporaryDirectory(prefix="phonon-new-rows-") as folder:
        connection = {"conn_type": "duckdb", "host": f"{folder}/warehouse.duckdb"}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        yield Path(folder)


@pytest.fixture
def world(warehouse_folder: Path, ledger_url: URL) -> Iterator[World]:
    ledger = Ledger(ledger_url)
    yield World(warehouse_folder, ledger)
    ledger.close()


def test_a_run_gets_exactly_the_rows_that_are_new(world: World) -> None:
    world.insert(3)
    first = world.look()
    assert first is not None
    assert world.run("first", first) == []
    assert world.look() is None

    world.insert(2)
    second = world.look()
    assert second is not None
    assert world.run("second", second) == [3, 4]
    assert world.run("second", None) == [3, 4], "the same run again takes the same rows"
    world.insert(1)
    assert world.run("by hand", None) == [5], "a run that a person starts takes what there is"


def test_events_that_come_twice_late_or_together_give_each_row_to_one_run(world: World) -> None:
    world.look()
    world.insert(2)
    once = world.look()
    world.run_of_all_told()
    world.insert(2)
    world.look()
    world.told += [once] if once else []
    world.run_of_all_told()
    world.run("late", once)
    assert list(world.runs.values()) == [[0, 1], [2, 3], []]


def test_the_watermark_outlives_the_trigger_and_the_ledger_that_of_a_lost_store(world: World) -> None:
    world.look()
    world.run_of_all_told()
    world.insert(2)
    world.restarted()
    while world.look() is not None:
        pass
    world.run_of_all_told()
    world.store.content.clear()
    world.insert(2)
    world.restarted()
    world.look()
    world.insert(1)
    world.look()
    world.run_of_all_told()
    assert sorted(row for rows in world.runs.values() for row in rows) == [0, 1, 2, 3, 4]


def test_a_run_by_hand_before_anything_is_new_says_so_and_a_dry_run_takes_nothing(world: World) -> None:
    world.insert(2)
    with pytest.raises(ConfigurationError, match="there was none yet"):
        world.run("too early", None)
    assert world.run("dry", None, record=False) == [0, 1]
    world.look()
    world.run_of_all_told()
    world.insert(1)
    event = world.look()
    assert world.run("dry again", event, record=False) == [2]
    assert world.run("real", event) == [2]


def _by(world: World, cursor: str) -> TakingNewRows:
    watch = NewRows(table="leads", cursor=cursor, every="1s", settle="1s")
    return TakingNewRows("motor", watch, world.ledger, world.warehouse)


@pytest.fixture
def changed(world: World) -> World:
    """A campaign that has called three rows by one cursor, and has another one now; two rows came meanwhile."""
    with duckdb.connect(str(world.file)) as connection:
        connection.execute("ALTER TABLE leads ADD COLUMN seq BIGINT")
    world.look()
    world.run_of_all_told()
    world.insert(3)
    world.look()
    world.run_of_all_told()
    world.insert(2)
    with duckdb.connect(str(world.file)) as connection:
        connection.execute("UPDATE leads SET seq = 100 + id")
    return world


@pytest.mark.parametrize("record", [True, False])
def test_another_cursor_is_refused_with_the_command_that_carries_over(changed: World, record: bool) -> None:
    with pytest.raises(ConfigurationError, match=r"^Run: phonon new-rows begin motor --after VALUE\."):
        _by(changed, "seq").query("SELECT id, seq FROM leads", "by seq", None, record=record)
    changed.look()
    changed.run_of_all_told()  # changed back, it goes on where it was
    assert list(changed.runs.values()) == [[], [0, 1, 2], [3, 4]]


def test_carried_over_each_row_still_goes_to_one_run(changed: World) -> None:
    watch = NewRows(table="leads", cursor="seq", every="1s", settle="1s")
    beginning = NewRowsBeginning("motor", watch, ledger=changed.ledger, warehouse=changed.warehouse)
    found = beginning.look("102")
    assert found.waiting == 2
    beginning.begin(found)
    sql = _by(changed, "seq").query("SELECT id, seq FROM leads", "by seq", None, record=True)
    taken = [int(value) for chunk in changed.warehouse.read(sql, chunk_rows=100) for value in chunk["id"]]
    assert taken == [3, 4]
    with pytest.raises(ConfigurationError, match="another cursor, table or query"):
        changed.run("back again", None)


def test_what_is_no_value_of_the_cursor_is_refused(changed: World) -> None:
    watch = NewRows(table="leads", cursor="seq", every="1s", settle="1s")
    beginning = NewRowsBeginning("motor", watch, ledger=changed.ledger, warehouse=changed.warehouse)
    with pytest.raises(ConfigurationError, match="yesterday: not a value of seq, which is a number such as 104"):
        beginning.look("yesterday")
    assert beginning.look(None).waiting == 0


_STEPS = st.lists(st.sampled_from(["insert", "look", "restart", "run", "repeat", "lose store"]), max_size=25)


@settings(max_examples=15, deadline=None)
@given(steps=_STEPS)
def test_whatever_happens_each_new_row_is_in_exactly_one_run(steps: list[str]) -> None:
    with TemporaryDirectory(prefix="phonon-new-rows-") as name, pytest.MonkeyPatch.context() as monkeypatch:
        folder = Path(name)
        connection = {"conn_type": "duckdb", "host": str(folder / "warehouse.duckdb")}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        ledger = Ledger(sqlite_url(folder))
        world = World(folder, ledger)
        world.insert(1)
        world.look()
        world.run_of_all_told()
        for step in steps:
            if step == "insert":
                world.insert(2)
            elif step == "look":
                world.look()
            elif step == "restart":
                world.restarted()
            elif step == "run":
                world.run_of_all_told()
            elif step == "repeat" and world.told:
                world.told.append(world.told[0])
            elif step == "lose store":
                world.store.content.clear()
                world.restarted()
        world.insert(1)
        for _ in range(2):  # the first look of a new process tells again what the last one told
            world.look()
        world.run_of_all_told()
        taken = sorted(row for rows in world.runs.values() for row in rows)
        ledger.close()
        assert taken == list(range(1, world.rows))
