"""What it costs to read the Dag file of campaigns, as Airflow's processor and as a worker does.

``python -m benchmarks.parsing --files 1 100 500``. Each figure is of a process of its own that has imported what
a Dag file imports already; the memory is what reading adds to it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from demo.world import PROJECT

_TRIES = 3
_CAMPAIGN = """\
name: campaign_{number}
description: Remind policy holders a week before renewal
owner: growth
schedule: "0 9 * * MON-SAT"
start_date: 2026-11-01
purpose: service
contacts: sql/renewal_contacts.sql
contact_id: policy_id
numbers: [mobile, alternate_mobile]
variables: {{Name: first_name, DueDate: due_date, Amount: amount}}
flow_id: wruHzoCK
window: {{open: "10:00", close: "19:00", days: [mon, tue, wed, thu, fri, sat]}}
limits: {{max_calls: 50000, per_number: {{calls: 1, days: 1}}}}
notify:
  - notifier: airflow.providers.smtp.notifications.smtp.SmtpNotifier
    on: [held, top_up, fix_configuration]
    arguments: {{to: campaigns@example.com, subject: "{{{{ phonon.subject }}}}"}}
"""
_MEASURE = """
import json, resource, sys, time
from pathlib import Path
from airflow.sdk import DAG, Asset, BaseBranchOperator, BaseOperator, CronTriggerTimetable, Label, Param
from phonon.dag_factory import campaign_dags

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
dags = campaign_dags(Path(sys.argv[1]), include=Path(sys.argv[2]))
seconds = time.perf_counter() - began
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"dags": len(dags), "seconds": seconds, "megabytes": (after - before) / 1024}))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parsing", description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1, 100, 500])
    given = parser.parse_args(arguments)
    print(f"{'files':>6}{'':>3}{'read for':<12}{'Dags':>6}{'seconds':>10}{'ms a file':>11}{'MB more':>9}")
    for files in given.files:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(files):
                (Path(folder) / f"campaign_{number}.yaml").write_text(_CAMPAIGN.format(number=number))
            for reader, dag_id in (("all Dags", None), ("one task", f"campaign_{files - 1}")):
                found = [_measure(Path(folder), dag_id) for _ in range(_TRIES)]
                seconds, megabytes = (median(each[key] for each in found) for key in ("seconds", "megabytes"))
                print(
                    f"{files:>6}{'':>3}{reader:<12}{found[0]['dags']:>6}{seconds:>10.3f}"
                    f"{seconds / files * 1000:>11.2f}{megabytes:>9.1f}",
                    flush=True,
                )
    return 0


def _measure(folder: Path, dag_id: str | None) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment |= {"_AIRFLOW_PARSING_CONTEXT_DAG_ID": dag_id} if dag_id else {}
    command = [sys.executable, "-c", _MEASURE, str(folder), str(PROJECT / "include")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


if __name__ == "__main__":
    sys.exit(main())
