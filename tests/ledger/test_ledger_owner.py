from __future__ import annotations

import os
import signal
import subprocess
import sys

from phonon.ledger.owner import is_certainly_dead, this_process

_SAY_AND_WAIT = "from phonon.ledger.owner import this_process; print(this_process(), flush=True); input()"


def _child() -> tuple[subprocess.Popen[str], str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", _SAY_AND_WAIT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_is_alive_until_it_was_killed_and_dead_from_then_on() -> None:
    process, name = _child()
    assert not is_certainly_dead(name)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_certainly_dead(name), "a zombie sends nothing any more"
    process.communicate()
    assert is_certainly_dead(name)


def test_this_process_is_alive() -> None:
    assert not is_certainly_dead(this_process())


def test_a_process_that_has_the_number_of_a_dead_one_is_another() -> None:
    name = this_process()
    assert is_certainly_dead(name.rpartition("/")[0] + "/1")


def test_of_a_process_on_another_machine_or_in_another_container_nothing_is_told() -> None:
    boot, namespace, pid, started = this_process().rsplit("/", 3)
    assert not is_certainly_dead(f"another-boot/{namespace}/{pid}/1")
    assert not is_certainly_dead(f"{boot}/pid:[1]/{pid}/1")
    assert not is_certainly_dead(f"/{pid}/{started}")
    assert not is_certainly_dead("")
