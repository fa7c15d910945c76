"""What the warehouse remembers after a ledger was lost: its results tables, read for ``phonon ledger restored``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from phonon.campaign.model import Campaign
from phonon.campaign.witness import SENDING
from phonon.errors import ConfigurationError
from phonon.hooks.warehouse import warehouse_of
from phonon.rehearsal.folder import CampaignFolder
from phonon.review.evidence import Evidence, EvidenceRow, evidence_of
from phonon.review.restoring import SendingRun, WarehouseMemory, merged
from phonon.warehouse.tables import results_table, runs_table
from phonon.warehouse.warehouse import Warehouse

_ALL = 1_000_000_000


def results_places(given: Iterable[str] | None, folder: Path | None) -> list[tuple[str, str]]:
    """The results tables to read, each with its connection: those given, else those of the campaign files.

    Raises ConfigurationError for one that is given otherwise than as CONN_ID:TABLE.
    """
    if given:
        places = []
        for text in given:
            conn_id, colon, table = text.partition(":")
            if not (conn_id and colon and table):
                raise ConfigurationError(
                    f"--results: write CONN_ID:TABLE, as warehouse:phonon_call_results; not {text}."
                )
            places.append((conn_id, table))
        return places
    found = CampaignFolder.find(folder).all()
    return sorted({(each.warehouse_conn_id, each.results_table) for each in found if isinstance(each, Campaign)})


def told_places(places: Sequence[tuple[str, str]]) -> str:
    """The tables in words."""
    return ", ".join(f"{table} of {conn_id}" for conn_id, table in places) or "none was read"


def remembered_in(places: Iterable[tuple[str, str]]) -> tuple[Evidence, WarehouseMemory]:
    """What the tables have: the placed calls as a report of Phonon's, and the ledgers that wrote them."""
    memory = WarehouseMemory()
    reports = []
    for conn_id, table in places:
        warehouse = warehouse_of(conn_id)
        warehouse.ensure_tables(table)
        reports.append(_placed(warehouse, table))
        _read_held(warehouse, table, memory)
        _read_runs(warehouse, table, memory)
    return merged(reports), memory


def _placed(warehouse: Warehouse, table: str) -> Evidence:
    rows = warehouse.rows(
        f"SELECT client_identifier, phonon_uuid, request_id FROM {_name(warehouse, table)} "  # noqa: S608 - checked
        "WHERE status IN ('accepted', 'accepted_earlier') AND client_identifier IS NOT NULL",
        most=_ALL,
    )
    return evidence_of(EvidenceRow(*row) for row in rows)


def _read_held(warehouse: Warehouse, table: str, memory: WarehouseMemory) -> None:
    rows = warehouse.rows(
        f"SELECT client_identifier, campaign, interval_key FROM {_name(warehouse, table)} "  # noqa: S608 - checked
        "WHERE status = 'held' AND client_identifier IS NOT NULL",
        most=_ALL,
    )
    memory.held.update({name: (campaign, interval_key) for name, campaign, interval_key in rows})


def _read_runs(warehouse: Warehouse, table: str, memory: WarehouseMemory) -> None:
    rows = warehouse.rows(
        "SELECT ledger_id, ledger_sequence, campaign, run_id, interval_key, requests, outcome "  # noqa: S608 - checked
        f"FROM {warehouse.dialect.table(runs_table(table).name)} WHERE ledger_id IS NOT NULL",
        most=_ALL,
    )
    for ledger_id, sequence, campaign, run_id, interval_key, requests, outcome in rows:
        reached = int(sequence or 0)
        memory.sequences[ledger_id] = max(reached, memory.sequences.get(ledger_id, 0))
        key = (ledger_id, campaign, run_id)
        memory.requests[key] = max(int(requests or 0), memory.requests.get(key, 0))
        if outcome == SENDING:
            memory.sending.append(SendingRun(ledger_id, reached, campaign, interval_key))


def _name(warehouse: Warehouse, table: str) -> str:
    return warehouse.dialect.table(results_table(table).name)
