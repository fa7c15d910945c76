"""``python -m simulator`` as a user starts and stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from simulator.sample import sample_body

INCLUDE = Path(__file__).parents[2] / "include"
Post = Callable[..., requests.Response]
Process = subprocess.Popen[str]


@contextmanager
def started(*arguments: str) -> Iterator[Process]:
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", *arguments],
        env={**os.environ, "PYTHONPATH": str(INCLUDE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., tuple[Process, str]]]:
    ready = tmp_path / "ready"
    with ExitStack() as stack:

        def start(*arguments: str) -> tuple[Process, str]:
            options = ("--port", "0", "--ready-file", str(ready), *arguments)
            process = stack.enter_context(started(*options))
            until = time.monotonic() + 30
            while not ready.exists():
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                assert time.monotonic() < until, "it did not say in 30 seconds that it listens"
                time.sleep(0.02)
            return process, ready.read_text(encoding="utf-8").strip()

        yield start


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_success_and_a_line_of_what_happened(
    serve: Callable[..., tuple[Process, str]], post: Post, tmp_path: Path, how: signal.Signals
) -> None:
    process, url = serve()
    post(f"{url}/bulk/kairos-apis/outbound/create", sample_body(2))
    process.send_signal(how)
    printed, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert printed.endswith("stopped: 1 requests, 2 calls accepted\n")
    assert not (tmp_path / "ready").exists()


def test_it_prints_its_addresses_and_what_it_is(serve: Callable[..., tuple[Process, str]]) -> None:
    process, url = serve()
    process.terminate()
    printed, _ = process.communicate(timeout=30)
    assert f"{url}/bulk/kairos-apis/outbound/create" in printed
    assert f"{url}/realtime/kairos-apis/outbound/create" in printed
    assert "not the real service" in printed


def test_quiet_prints_nothing(serve: Callable[..., tuple[Process, str]], post: Post) -> None:
    process, url = serve("--quiet")
    post(f"{url}/bulk/kairos-apis/outbound/create", sample_body())
    process.terminate()
    assert process.communicate(timeout=30) == ("", "")


def test_its_flags_become_settings(serve: Callable[..., tuple[Process, str]], post: Post) -> None:
    flags = "--bulk-per-minute 2 --limit-unit requests --realtime-per-minute 1 --refusal-status 422"
    _, url = serve(*flags.split(), "--security-id", "a" * 64, "--security-id", "b" * 64)
    bulk, realtime = (f"{url}/{name}/kairos-apis/outbound/create" for name in ("bulk", "realtime"))
    answers = [post(bulk, sample_body(3, first=first)) for first in (0, 3, 6)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert answers[0].json()["api-response-message"] == "Invalid Security ID"
    assert [post(realtime, sample_body(first=first)).status_code for first in (0, 1)] == [422, 429]


def test_a_taken_port_is_named_with_the_cure(serve: Callable[..., tuple[Process, str]]) -> None:
    _, url = serve()
    port = url.rpartition(":")[2]
    with started("--port", port) as second:
        _, errors = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"port {port}" in errors
    assert "Give another --port" in errors


def test_a_negative_limit_is_refused_by_its_name() -> None:
    with started("--bulk-per-minute", "-1") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "bulk_per_minute" in errors
