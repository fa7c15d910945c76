"""A task whose supervisor cannot tell whether there is a ledger connection must not start with an empty ledger."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, GetConnection

from operators.desk import PEOPLE, Desk
from phonon.operators.context import PhononTaskError


class Supervisor:
    """The other end of a task's socket, which answers every question for a connection with the same error."""

    def __init__(self, error: ErrorType, *, raised: bool = True) -> None:
        self._answer = ErrorResponse(error=error)
        self._raised = raised

    def send(self, message: Any) -> ErrorResponse | None:
        if not isinstance(message, GetConnection):
            return None
        if self._raised:
            raise AirflowRuntimeError(self._answer)
        return self._answer


@pytest.fixture
def without_a_ledger(desk: Desk) -> Desk:
    desk.disconnect("phonon_ledger")
    desk.environment.setenv("AIRFLOW_HOME", str(desk.folder))
    return desk


@pytest.mark.parametrize(
    "error", [ErrorType.API_SERVER_ERROR, ErrorType.GENERIC_ERROR, ErrorType.PERMISSION_DENIED]
)
def test_a_failing_api_server_is_not_taken_for_a_missing_connection(
    without_a_ledger: Desk, error: ErrorType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(error), raising=False)
    with pytest.raises(PhononTaskError, match=r"could not say .* 'phonon_ledger'.* Try again"):
        without_a_ledger.outbound()
    assert not (without_a_ledger.folder / "phonon_ledger.db").exists()
    assert without_a_ledger.phonon.summary()["requests"] == 0


@pytest.mark.parametrize("raised", [True, False])
def test_a_connection_that_is_certainly_missing_is_the_embedded_ledger(
    without_a_ledger: Desk, raised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(ErrorType.CONNECTION_NOT_FOUND, raised=raised)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    assert without_a_ledger.outbound()["by_status"] == {"accepted": PEOPLE}


def test_a_connection_that_the_task_may_not_read_is_told_as_that(
    without_a_ledger: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(ErrorType.PERMISSION_DENIED, raised=False)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    with pytest.raises(AirflowFailException, match=r"does not let this task read connection 'phonon_ledger'"):
        without_a_ledger.outbound()
    assert not (without_a_ledger.folder / "phonon_ledger.db").exists()
