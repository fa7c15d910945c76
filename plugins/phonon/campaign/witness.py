"""The warehouse as the witness of the ledger: a ledger that knows less than the warehouse calls nobody.

The ledger commits what it is about to tell the warehouse before it tells it. So whoever reads the warehouse first
and the ledger afterwards finds at least as much in the ledger, unless the ledger has forgotten something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.errors import ForgetfulLedgerError
from phonon.ledger import identity
from phonon.ledger.store import Ledger
from phonon.warehouse.tables import runs_table
from phonon.warehouse.warehouse import Warehouse

SENDING = "sending"
"""The outcome of a run that has begun to send, and whose results were not written yet."""
# A run that was under way when a backup was made began shortly before it. Older ones need not be compared: their
# sequence shows that the ledger has them.
_RECENT = 1_000
_MOST_ROWS = 5_000


@dataclass(frozen=True)
class Remembered:
    """A run as the warehouse remembers it."""

    campaign: str
    run_id: str
    ledger_id: str
    sequence: int
    requests: int = 0


@dataclass(frozen=True)
class Known:
    """What a ledger knows of itself. ``requests``: by campaign and run."""

    ledger_id: str
    sequence: int
    requests: Mapping[tuple[str, str], int]
    adopted: frozenset[str] = frozenset()


class Gap(Enum):
    """How a ledger can know less than the warehouse."""

    SEQUENCE = "the ledger was rolled back"
    REQUESTS = "the ledger was rolled back in the middle of a run"
    STRANGER = "the warehouse has runs of another ledger"


@dataclass(frozen=True)
class Forgotten:
    """The first run that shows that a ledger has forgotten something."""

    run: Remembered
    gap: Gap


def forgotten(known: Known, remembered: Iterable[Remembered]) -> Forgotten | None:
    """Compare what the warehouse remembers with what the ledger knows. None if the ledger knows it all."""
    found = []
    for run in remembered:
        gap = _gap(known, run)
        if gap is not None:
            found.append(Forgotten(run, gap))
    # A run of the own id says more than one of another: what is rolled back is certainly not somebody else's.
    return min(found, key=lambda each: (each.gap is Gap.STRANGER, -each.run.sequence), default=None)


def _gap(known: Known, run: Remembered) -> Gap | None:
    if run.ledger_id in known.adopted:
        return None
    if run.ledger_id != known.ledger_id:
        return Gap.STRANGER
    if run.sequence > known.sequence:
        return Gap.SEQUENCE
    if run.requests > known.requests.get((run.campaign, run.run_id), 0):
        return Gap.REQUESTS
    return None


class Witness:
    """Asks the warehouse, before anything is sent or overwritten, whether the ledger has forgotten a run."""

    def __init__(self, campaign: Campaign, run: Run, *, ledger: Ledger, warehouse: Warehouse) -> None:
        self._campaign = campaign
        self._run = run
        self._ledger = ledger
        self._warehouse = warehouse

    def check(self, *, is_written: bool = False) -> None:
        """Raise ForgetfulLedgerError if the warehouse remembers a run that the ledger does not know.

        The tables must be there.

        :param is_written: the run's own results are about to be written. If this ledger has placed its calls, runs
            of another ledger that came up meanwhile do not stop them from being written.
        """
        with self._ledger.transaction(read_only=True) as connection:
            me = identity.identity(connection)
            adopted = identity.adopted_ids(connection)
            floor = identity.sequence(connection) - _RECENT
            has_begun = identity.begun(connection, self._campaign.name, self._run.run_id) is not None
        remembered = remembered_runs(
            self._warehouse,
            self._campaign.results_table,
            f"(ledger_id <> '{me.id}' OR ledger_sequence > {floor})",
            but_of=adopted,
        )
        with self._ledger.transaction(read_only=True) as connection:  # only now: see above
            known = Known(
                me.id,
                identity.sequence(connection),
                identity.requests_since(connection, floor),
                adopted | identity.adopted_ids(connection),
            )
        if is_written and has_begun:
            remembered = [run for run in remembered if run.ledger_id == me.id]
        found = forgotten(known, remembered)
        if found is not None:
            raise ForgetfulLedgerError(self._sentence(found, me, known))

    def begin(self) -> int:
        """Have the warehouse remember that the run sends, before its first byte. Returns the ledger's sequence.

        Raises ForgetfulLedgerError as ``check``, and also if another ledger began at the same moment.
        """
        campaign, run = self._campaign, self._run
        self._warehouse.ensure_tables(campaign.results_table)
        self.check()
        taken = []

        def late() -> Mapping[str, object]:
            with self._ledger.transaction() as connection:
                now = self._ledger.now(connection)
                taken.append(identity.begin_sending(connection, campaign.name, run.run_id, now))
                requests = identity.requests_since(connection, taken[-1] - 1)[campaign.name, run.run_id]
                me = identity.identity(connection)
            return {"ledger_id": me.id, "ledger_sequence": taken[-1], "requests": requests}

        self._warehouse.replace_run(
            {
                "campaign": campaign.name,
                "run_id": run.run_id,
                "run_type": run.run_type,
                "interval_key": run.interval_key,
                "outcome": SENDING,
                "recorded_at": datetime.now(UTC),
            },
            results_table=campaign.results_table,
            late=late,
        )
        self.check()
        return taken[-1]

    def signature(self, run_id: str) -> Mapping[str, object]:
        """What the row of a run of the campaign holds of the ledger; nothing if it has not begun to send."""
        with self._ledger.transaction(read_only=True) as connection:
            reached = identity.begun(connection, self._campaign.name, run_id)
            if reached is None:
                return {}
            return {"ledger_id": identity.identity(connection).id, "ledger_sequence": reached}

    def _sentence(self, found: Forgotten, me: identity.Identity, known: Known) -> str:
        run, made = found.run, datetime.fromtimestamp(me.made_at, UTC)
        requests = f" with {run.requests} requests" if found.gap is Gap.REQUESTS else ""
        adopt = run.ledger_id if found.gap is Gap.STRANGER else "LEDGER_ID"
        return (
            f"Nothing was sent. Run 'phonon ledger restored', or 'phonon ledger adopt {adopt} --note TEXT'.\n"
            f"The warehouse {self._campaign.warehouse_conn_id!r} remembers the run {run.run_id} of campaign "
            f"{run.campaign} (ledger {run.ledger_id}, sequence {run.sequence}{requests}), and this ledger does "
            f"not: it is {me.id} at {self._ledger.place}, made on {made:%Y-%m-%d %H:%M} UTC on {me.made_on}, at "
            f"sequence {known.sequence}.\n"
            "'restored' is right if the ledger was lost or rolled back: whom it called would be called again (see "
            "docs/ledger-restore.md). 'adopt' is right if another deployment writes the same tables on purpose."
        )


def remembered_runs(
    warehouse: Warehouse, results_table: str, condition: str, *, but_of: frozenset[str] = frozenset()
) -> list[Remembered]:
    """The runs in the table beside a results table that a ledger has signed and a condition holds for.

    The newest of each ledger come first. ``but_of``: ids of ledgers that are left out.
    """
    left_out = "".join(f" AND ledger_id <> '{each}'" for each in sorted(but_of))
    rows = warehouse.rows(
        "SELECT campaign, run_id, ledger_id, ledger_sequence, requests "  # noqa: S608 - names and ids are checked
        f"FROM {warehouse.dialect.table(runs_table(results_table).name)} "
        f"WHERE ledger_id IS NOT NULL AND {condition}{left_out} ORDER BY ledger_sequence DESC",
        most=_MOST_ROWS,
    )
    return [Remembered(str(row[0]), str(row[1]), str(row[2]), int(row[3] or 0), int(row[4] or 0)) for row in rows]
