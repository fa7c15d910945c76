# The slim image brings Airflow and no providers: those come from requirements.txt, at the versions that are tested.
FROM apache/airflow:slim-3.3.2-python3.11

COPY requirements.txt /opt/airflow/
RUN pip install --no-cache-dir --requirement /opt/airflow/requirements.txt

COPY pyproject.toml README.md LICENSE /opt/airflow/
COPY plugins /opt/airflow/plugins
COPY include /opt/airflow/include
COPY dags /opt/airflow/dags

# Editable: the package registers its connection type with Airflow, and its code is there once.
# The folder is made here so that a volume mounted on it belongs to the airflow user.
RUN pip install --no-cache-dir --no-deps --editable /opt/airflow \
    && mkdir -p /opt/airflow/auth \
    && chmod 770 /opt/airflow/auth

ENV PYTHONPATH=/opt/airflow/include
