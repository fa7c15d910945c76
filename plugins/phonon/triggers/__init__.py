"""Airflow's name for an account of Phonon."""
