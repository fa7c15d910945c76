"""All Dags of this project, for a Dag file of a project of one's own."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG

from phonon.dag_factory import campaign_dags
from phonon.desk_dags import desk_dags
from phonon.ledger_dags import ledger_dags


def project_dags(include: Path | str) -> dict[str, DAG]:
    """Make the Dag of each campaign file, and those with which people act on campaigns, by Dag id.

    The latter are ``phonon_held_batches``, ``phonon_pause`` and ``phonon_ledger_maintenance``. The campaign files
    are in the folder that the environment variable PHONON_CAMPAIGNS names, else in ``campaigns`` under ``include``.

    :param include: the folder of the campaigns' SQL files.
    """
    files = Path(include)
    campaigns = Path(os.environ.get("PHONON_CAMPAIGNS") or files / "campaigns")
    return {
        **campaign_dags(campaigns, include=files),
        **desk_dags(campaigns, include=files),
        **ledger_dags(),
    }
