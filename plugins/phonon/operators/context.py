"""From a task's context to our words, and from our errors to Airflow's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from phonon.campaign.model import Campaign
from phonon.campaign.run import Run
from phonon.campaign.schedule import AssetSchedule
from phonon.errors import ConfigurationError, PhononError
from phonon.numbering_plan import NumbersKind
from phonon.warehouse.failures import QueryError, WrongTableError

if TYPE_CHECKING:
    from phonon.review.desk import Person


class PhononTaskError(AirflowException):  # type: ignore[misc] # Airflow's classes are untyped to mypy
    """What a task reports of an error of ours that may be gone at the next try."""


def interval_key(dag_run: Any) -> str:
    """What names the interval of a run: its partition, else its start in UTC, its logical date, the run id.

    The partition comes first: a partition that is delivered again, or run again by a person, is the same one.
    """
    if dag_run.partition_key is not None:
        return f"partition:{dag_run.partition_key}"
    start = dag_run.data_interval_start or dag_run.logical_date
    return str(dag_run.run_id) if start is None else start.astimezone(UTC).isoformat()


def check_partition(campaign: Campaign, dag_run: Any) -> None:
    """Refuse a run that is for no partition of a campaign that calls by partitions: it would call them twice."""
    schedule = campaign.schedule
    if isinstance(schedule, AssetSchedule) and schedule.partitioned and dag_run.partition_key is None:
        raise ConfigurationError(
            f"Campaign {campaign.name} calls one partition in a run, and this run has no partition key. Nothing "
            "was planned. Trigger it with a partition key."
        )


def interval_end(dag_run: Any) -> datetime | None:
    """When the interval of a run ended: that, else its logical date or partition's date, else nobody knows."""
    end: datetime | None = dag_run.data_interval_end or dag_run.logical_date or dag_run.partition_date
    return end


def run_of(
    context: Mapping[str, Any],
    *,
    dry_run: bool,
    limit: int | None,
    test_numbers: Sequence[str | int],
    numbers_kind: NumbersKind = "mobile",
) -> Run:
    """Describe the run of a task, with the interval it works on.

    A run with test numbers has an interval of its own: it must neither claim nor disturb the real one.
    """
    from phonon.ledger.followed import TEST_INTERVALS  # noqa: PLC0415 - heavy, and each Dag file imports this module

    dag_run = context["dag_run"]
    numbers = _test_numbers(test_numbers, numbers_kind)
    return Run(
        run_id=dag_run.run_id,
        run_type=str(getattr(dag_run.run_type, "value", dag_run.run_type)),
        interval_key=f"{TEST_INTERVALS}{dag_run.run_id}" if numbers else interval_key(dag_run),
        dry_run=dry_run,
        limit=None if limit is None else int(limit),  # the schema of a form takes 2.0 for an integer
        test_numbers=numbers,
    )


def person_of(context: Mapping[str, Any], user: Mapping[str, Any] | None = None) -> Person:
    """Who acts: ``user``, as Airflow describes one, else who started the run; the run when Airflow does not say."""
    from phonon.review.desk import Person  # noqa: PLC0415 - heavy, and this module is imported by every Dag file

    dag_run = context["dag_run"]
    started_by = getattr(dag_run, "triggering_user_name", None)
    return Person((user or {}).get("name") or started_by or dag_run.run_id, dag_run.run_id)


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Turn our errors into Airflow's: one that a person has to mend is not tried again."""
    try:
        yield
    except (ConfigurationError, QueryError, WrongTableError) as error:
        raise AirflowFailException(str(error)) from None
    except PhononError as error:
        raise PhononTaskError(str(error)) from None


def _test_numbers(numbers: Sequence[str | int], kind: NumbersKind) -> tuple[str, ...]:
    if not numbers:
        return ()
    import pandas as pd  # noqa: PLC0415 - heavy, and this module is imported by every Dag file

    from phonon.contacts.cleaning import ContactColumns, clean  # noqa: PLC0415 - as above

    rows = pd.DataFrame({"id": range(len(numbers)), "number": list(numbers)}, dtype=object)
    cleaned = clean(rows, ContactColumns("id", ("number",), numbers_kind=kind))
    for row, _, reason in cleaned.invalid:
        what = "an Indian mobile number" if kind == "mobile" else "an Indian phone number"
        raise ConfigurationError(f"test_numbers: entry {row + 1} is not {what} ({reason}).")
    return tuple(number for contact in cleaned.valid for number in contact.numbers)
