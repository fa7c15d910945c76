-- Airflow's metadata and the ledger: a database and an owner each, so that neither can read the other.
-- PostgreSQL's image runs this when its volume is empty. Running it again changes nothing but the passwords.

\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv ledger_password PHONON_LEDGER_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', name)
FROM (VALUES ('airflow'), ('phonon_ledger')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE airflow PASSWORD :'airflow_password';
ALTER ROLE phonon_ledger PASSWORD :'ledger_password';

SELECT format('CREATE DATABASE %I OWNER %I', name, name)
FROM (VALUES ('airflow'), ('phonon_ledger')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec

REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
REVOKE CONNECT ON DATABASE phonon_ledger FROM PUBLIC;
