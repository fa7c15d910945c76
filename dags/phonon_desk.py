"""Two Airflow Dags for people: ``phonon_held_batches`` settles what is held, ``phonon_pause`` stops sending."""

from __future__ import annotations

import os
from pathlib import Path

from phonon.desk_dags import desk_dags

_include = Path(__file__).resolve().parent.parent / "include"
_folder = Path(os.environ.get("PHONON_CAMPAIGNS") or _include / "campaigns")

globals().update(desk_dags(_folder, include=_include))
