"""The demo's world: an embedded warehouse with messy contacts, the stand-in Phonon, and real Airflow between."""
