"""What a person does about held batches, from the Airflow UI or the command line: look, release, close, prove."""
