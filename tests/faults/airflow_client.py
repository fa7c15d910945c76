"""What a person does in Airflow's UI, through the REST API that the UI uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests

_ENDED = {"success", "failed"}


def _backfill(dag_id: str, first: datetime, last: datetime, options: Mapping[str, object]) -> dict[str, object]:
    return {"dag_id": dag_id, "from_date": first.isoformat(), "to_date": last.isoformat(), **options}


class AirflowClient:
    """A person who may do everything. What Airflow refuses is an AssertionError with its words."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        token = self._session.get(f"{url}/auth/token", timeout=30).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def add_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Make a connection, in the words of an environment variable AIRFLOW_CONN_..., the extra as JSON text."""
        self._ask("POST", "connections", {"connection_id": conn_id, **connection})

    def has_dag(self, dag_id: str) -> bool:
        """Whether the Dag processor has stored a Dag."""
        errors = self._ask("GET", "importErrors")["import_errors"]
        assert not errors, errors
        return any(dag["dag_id"] == dag_id for dag in self._ask("GET", "dags?limit=100")["dags"])

    def pause(self, dag_id: str) -> None:
        """Have the scheduler start no more runs of a Dag."""
        self._ask("PATCH", f"dags/{quote(dag_id)}", {"is_paused": True})

    def unpause(self, dag_id: str) -> None:
        """Have the scheduler start the runs of a Dag, at once that of the slot it missed last."""
        self._ask("PATCH", f"dags/{quote(dag_id)}", {"is_paused": False})

    def trigger(
        self, dag_id: str, logical_date: datetime | None = None, *, conf: Mapping[str, Any] | None = None
    ) -> str:
        """Start a run, by default of this moment; gives its id."""
        date = (logical_date or datetime.now(UTC)).isoformat()
        asked = {"logical_date": date, "conf": dict(conf or {})}
        run_id: str = self._ask("POST", f"dags/{dag_id}/dagRuns", asked)["dag_run_id"]
        return run_id

    def runs(self, dag_id: str) -> list[Mapping[str, Any]]:
        """The runs of a Dag, in the order of their logical dates."""
        found: list[Mapping[str, Any]] = self._ask("GET", f"dags/{dag_id}/dagRuns?order_by=logical_date")[
            "dag_runs"
        ]
        return found

    def would_backfill(self, dag_id: str, first: datetime, last: datetime, **options: object) -> list[datetime]:
        """The logical dates that a backfill would run."""
        found = self._ask("POST", "backfills/dry_run", _backfill(dag_id, first, last, options))["backfills"]
        return [datetime.fromisoformat(each["logical_date"]) for each in found]

    def backfill(self, dag_id: str, first: datetime, last: datetime, **options: object) -> int:
        """Start a backfill over the logical dates from the first to the last; gives its id."""
        made: int = self._ask("POST", "backfills", _backfill(dag_id, first, last, options))["id"]
        return made

    def end_backfill(self, backfill_id: int) -> None:
        """Close a backfill whose runs are over. Airflow does it by itself, within half a minute."""
        if self._ask("GET", f"backfills/{backfill_id}")["completed_at"] is None:
            self._ask("PUT", f"backfills/{backfill_id}/cancel")

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """What a task of a run has said under a key."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._ask("GET", path)["value"]

    def asset(self, uri: str) -> Mapping[str, Any]:
        """An asset that some Dag names."""
        (found,) = self._ask("GET", f"assets?uri_pattern={quote(uri)}")["assets"]
        return dict(found)

    def post_asset_event(self, event: Mapping[str, Any]) -> None:
        """Say that an asset was updated, as an outside system does."""
        self._ask("POST", "assets/events", event)

    def asset_events_of(self, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
        """The updates of assets that the run's page shows as made by it."""
        query = f"assets/events?source_dag_id={dag_id}&source_run_id={quote(run_id)}"
        found: list[Mapping[str, Any]] = self._ask("GET", query)["asset_events"]
        return found

    def events_that_started(self, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
        """The updates of assets that the run's page shows as its cause."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/upstreamAssetEvents"
        found: list[Mapping[str, Any]] = self._ask("GET", path)["asset_events"]
        return found

    def run_state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        state: str = self._ask("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def has_ended(self, dag_id: str, run_id: str) -> bool:
        """Whether a run is over."""
        return self.run_state(dag_id, run_id) in _ENDED

    def task(self, dag_id: str, run_id: str, task_id: str) -> Mapping[str, Any]:
        """A task instance."""
        found: Mapping[str, Any] = self._ask("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return found

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Mapping[str, Any]]:
        """The task instances of a run by their task ids."""
        found = self._ask("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def mapped_tasks(self, dag_id: str, run_id: str, task_id: str) -> list[Mapping[str, Any]]:
        """The instances of a mapped task, in their order; one if it is not mapped."""
        found = self._ask("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        own = [task for task in found if task["task_id"] == task_id]
        return sorted(own, key=lambda task: int(task["map_index"]))

    def mark_failed(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> None:
        """Mark a task instance as failed, whatever it is doing."""
        instance = task_id if map_index is None else f"{task_id}/{map_index}"
        self._ask("PATCH", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{instance}", {"new_state": "failed"})

    def clear(self, dag_id: str, run_id: str, task_id: str, map_index: int | None = None) -> None:
        """Clear a task instance and those after it."""
        self._ask(
            "POST",
            f"dags/{dag_id}/clearTaskInstances",
            {
                "dry_run": False,
                "dag_run_id": run_id,
                "task_ids": [task_id if map_index is None else [task_id, map_index]],
                "only_failed": False,
                "include_downstream": True,
                "reset_dag_runs": True,
            },
        )

    def question(self, dag_id: str, run_id: str, task_id: str) -> Mapping[str, Any]:
        """What a person is asked by a task that waits for an answer."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        found: Mapping[str, Any] = self._ask("GET", path)
        return found

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Choose one of the options that a task waits with."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self._ask("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        answer = self._session.request(method, f"{self._url}/api/v2/{path}", json=content, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None
