"""The Dags with which people act: one for held batches, one for the pause switch."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param

from phonon.campaign.names import campaign_names
from phonon.operators.desk import (
    ACTIONS,
    PAUSE_ACTIONS,
    SEND_AND_PUSH,
    SETTLE,
    PauseOperator,
    SendAndPushOperator,
    SettleOperator,
)
from phonon.review.notes import WARNING

HELD_DAG = "phonon_held_batches"
PAUSE_DAG = "phonon_pause"
_LEDGER = "phonon_ledger"
_RETRY = {"retries": 2, "retry_delay": timedelta(seconds=15), "retry_exponential_backoff": True}
# No cell of the report may be a mobile number: what is typed into the form is kept by Airflow.
_NO_NUMBERS = r"""^(?![\s\S]*(?:^|[\s,;"'])(?:\+?91|0)?[6-9][0-9]{9}(?:$|[\s,;"']))"""

_HELD_DOC = """
A batch is **held** when its calls were sent and nobody knows whether Phonon accepted them. Nothing more of it is
sent until a person decides, or evidence comes. Trigger this Dag and choose an action; the log of `settle` shows
the result.

| action | does |
|---|---|
| `list` | shows what is held, of one campaign or of all |
| `show` | shows the history of the batches that you name |
| `release` | sends the calls again as new ones, with the same client-identifiers |
| `close` | nothing more is done; the calls stay shown as held, with your name and note |
| `evidence` | accepts every call that Phonon's own report lists |

**Before you release**: if Phonon did receive the first request, these people are called a second time. Look at
Phonon's report first. To release is your statement that the calls were not received.

Either all batches that you name are settled, or none. Who did it and when is recorded. The same on the command
line: `phonon held --help`.
"""
_PAUSE_DOC = """
The pause switch stops sending for one campaign, or for everything that uses this ledger, within seconds: requests
in flight are finished and recorded, nothing new is sent, and runs that meet the switch stop with its reason.
Planning and pushing results go on. After `resume`, clear `trigger_calls` of the runs that stopped.

`show` lists the switches that are set, with who set them. The same on the command line: `phonon pause --help`.
"""


def desk_dags(campaigns: Path, *, include: Path) -> dict[str, DAG]:
    """Make the two Dags, by Dag id.

    :param campaigns: the folder of campaign files. :param include: the folder of their SQL files.
    """
    return {HELD_DAG: _held_dag(campaigns, include), PAUSE_DAG: _pause_dag(campaigns, include)}


def _held_dag(campaigns: Path, include: Path) -> DAG:
    with DAG(
        HELD_DAG,
        description="List held batches, and release, close or prove them.",
        doc_md=_HELD_DOC,
        schedule=None,
        is_paused_upon_creation=False,
        max_active_runs=4,
        tags=["phonon", "desk"],
        params=_held_params(campaigns),
    ) as dag:
        settle = SettleOperator(task_id=SETTLE, ledger_conn_id=_LEDGER, campaigns=campaigns, include=include)
        send = SendAndPushOperator(
            task_id=SEND_AND_PUSH, ledger_conn_id=_LEDGER, campaigns=campaigns, include=include, **_RETRY
        )
        settle >> send
    return dag


def _pause_dag(campaigns: Path, include: Path) -> DAG:
    with DAG(
        PAUSE_DAG,
        description="Stop sending, for one campaign or for everything, and let it go on.",
        doc_md=_PAUSE_DOC,
        schedule=None,
        is_paused_upon_creation=False,
        tags=["phonon", "desk"],
        params={
            "action": Param("show", type="string", enum=list(PAUSE_ACTIONS), title="Action"),
            "campaign": _campaign(campaigns, "The campaign's name. Empty: everything that uses this ledger."),
            "reason": Param(
                None,
                type=["null", "string"],
                title="Reason",
                description="Needed to pause. Shown to everybody whose run stops for it. No phone numbers.",
            ),
        },
    ) as dag:
        PauseOperator(task_id="switch", ledger_conn_id=_LEDGER, campaigns=campaigns, include=include)
    return dag


def _campaign(campaigns: Path, description: str) -> Param:
    """A campaign by its name, from the list of those that have a file, or of a Dag of somebody's own."""
    names = campaign_names(campaigns)
    proposed: dict[str, Any] = {"examples": names} if names else {}
    return Param(None, type=["null", "string"], title="Campaign", description=description, **proposed)


def _held_params(campaigns: Path) -> dict[str, Param]:
    return {
        "action": Param("list", type="string", enum=list(ACTIONS), title="Action"),
        "campaign": _campaign(
            campaigns,
            "With list: only its batches. With release and close: a check that they are its batches. Empty: all.",
        ),
        "batches": Param(
            [],
            type=["null", "array"],
            title="Batches",
            description="The ids of the batches, one a line, as the action list shows them.",
        ),
        "note": Param(
            None,
            type=["null", "string"],
            title="Note",
            description="Why; needed for release and close. Shown in the results. No phone numbers.",
        ),
        "evidence": Param(
            None,
            type=["null", "string"],
            format="multiline",
            pattern=_NO_NUMBERS,
            title="Evidence",
            description="For the action evidence: Phonon's report as CSV, with its header, and only the columns "
            "client-identifier, phonon-uuid and request-id. Airflow keeps what you paste here.",
        ),
        "understood": Param(
            False,
            type="boolean",
            title="Understood",
            description=f"Needed to release. {WARNING}",
        ),
        "send": Param(
            False,
            type="boolean",
            title="Send at once",
            description="With release: call these people now, under the campaign's own rules. Otherwise they "
            "wait until trigger_calls of the campaign's run is cleared, on the same day.",
        ),
    }
