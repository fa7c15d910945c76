"""One Airflow Dag for each campaign file of ``include/campaigns``, or of the folder PHONON_CAMPAIGNS."""

from __future__ import annotations

import os
from pathlib import Path

from phonon.dag_factory import campaign_dags

_include = Path(__file__).resolve().parent.parent / "include"
_folder = Path(os.environ.get("PHONON_CAMPAIGNS") or _include / "campaigns")

globals().update(campaign_dags(_folder, include=_include))
