"""The task that keeps the ledger small."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phonon.operators.context import airflow_errors
from phonon.operators.desk import LedgerOperator


class MaintainLedgerOperator(LedgerOperator):
    """Forget what is older than the run's parameters say, and give back the room."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Forget; the XCom holds counts and bytes."""
        from phonon.ledger.retention import Retention  # noqa: PLC0415 - heavy, and a Dag file imports this module
        from phonon.review.upkeep import maintain, told_maintained  # noqa: PLC0415 - as above

        params = context["params"]
        retention = Retention(params["numbers_days"], params["hashes_days"], params["sends_days"])
        with airflow_errors(), self.ledger() as ledger:
            done = maintain(ledger, retention, whole=bool(params["whole"]))
        self.say(told_maintained(done))
        return {
            "numbers": done.forgotten.numbers,
            "hashes": done.forgotten.hashes,
            "sends": done.forgotten.sends,
            "rejects": done.forgotten.rejects,
            "bytes_before": done.bytes_before,
            "bytes_after": done.bytes_after,
        }
