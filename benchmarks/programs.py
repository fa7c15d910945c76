"""Contenders that are programs of their own: the rivals, and this project's steps without Airflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.double import PROJECT, seen
from benchmarks.measured import Measured, NoRunError
from benchmarks.places import Place

PLAIN = "plain script"
CAREFUL = "careful script"
DLT = "dlt"
STEPS = "phonon, without Airflow"

_OWN_PYTHON = PROJECT / ".bench-venv" / "bin" / "python"


def run(name: str, place: Place, url: str) -> Measured:
    """Run a contender to its end, once."""
    commands = _commands(name, place, url)  # which may install something first
    seen(url, reset=True)
    began = time.time()
    used = [_end(command) for command in commands]
    seconds = time.time() - began
    came = seen(url)
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    peak = max(each.ru_maxrss for each in used) // 1024
    first = (came.first_at or began) - began
    return Measured(seconds, cpu, peak, came, first, ledger_bytes=place.ledger_bytes())


def _commands(name: str, place: Place, url: str) -> list[list[str]]:
    warehouse = place.dsn or str(place.warehouse_file)
    where = [warehouse, f"{url}/bulk"]
    python, module = sys.executable, "benchmarks.rivals"
    if name == PLAIN:
        return [[python, "-m", f"{module}.plain", *where]]
    if name == CAREFUL:
        return [[python, "-m", f"{module}.careful", *where]]
    if name == DLT:
        folder = place.folder / "dlt"
        shutil.rmtree(folder, ignore_errors=True)
        return [[str(_dlt_python()), "-m", f"{module}.with_dlt", *where, str(folder)]]
    steps = ("extract_and_batch", "trigger_calls", "push_results")
    where = [place.engine, str(place.folder), place.dsn, url]
    return [[python, "-m", "benchmarks.steps", step, *where] for step in steps]


def _end(command: list[str]) -> os.struct_rusage:  # type: ignore[name-defined] # typeshed hides it
    """Wait for a process and give what it and its own children took."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["plugins", "include", "."])}
    environment |= {"NO_PROXY": "127.0.0.1", "RUNTIME__DLTHUB_TELEMETRY": "false"}
    with (PROJECT / ".demo" / "bench-programs.log").open("ab") as output:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed; see .demo/bench-programs.log")
    return used


def _dlt_python() -> Path:
    """The interpreter of an environment of dlt's own: what it needs may not fit Airflow's pins."""
    wanted = (PROJECT / "benchmarks" / "requirements.txt").read_text(encoding="utf-8")
    done = _OWN_PYTHON.parent.parent / "installed"
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return _OWN_PYTHON
    print("installing dlt into .bench-venv ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(_OWN_PYTHON.parent.parent)], check=True)
    requirements = str(PROJECT / "benchmarks" / "requirements.txt")
    install = [str(_OWN_PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", requirements]
    if subprocess.run(install, check=False).returncode:
        raise NoRunError("could not be installed here")
    done.write_text(wanted, encoding="utf-8")
    return _OWN_PYTHON
