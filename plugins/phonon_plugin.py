"""Tells Airflow's plugin manager that this folder holds a plugin, and nothing else.

The operators, hooks and the connection type come from the package ``phonon`` beside this file.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class PhononPlugin(AirflowPlugin):
    """Phone campaigns through Phonon."""

    name = "phonon"
