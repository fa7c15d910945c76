"""Airflow's operators: they translate a task's context and delegate."""
