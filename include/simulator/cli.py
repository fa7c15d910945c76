"""The command line of the stand-in."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from simulator.server import listening
from simulator.settings import BulkAnswer, BulkRepeat, Endpoint, LimitUnit, Settings
from simulator.standin import Phonon

_EPILOG = (
    "Made from Phonon's documentation, not from the real service. GET / shows what happened; "
    "POST /simulator/faults makes things go wrong."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stand-in until it is told to stop; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        settings = _settings(given)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        if given.ready_file is not None:
            # One that a killed run left behind would point to nobody.
            given.ready_file.unlink(missing_ok=True)
        asyncio.run(_serve(settings, given))
    except OSError as error:
        print(
            f"The stand-in Phonon cannot start on {given.host} port {given.port}: {error}. "
            "Give another --port (0: any that is free) or another --ready-file.",
            file=sys.stderr,
        )
        return 1
    return 0


async def _serve(settings: Settings, given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for received in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(received, stop.set)
    phonon = Phonon(settings)
    async with listening(phonon, host=given.host, port=given.port) as url:
        if not given.quiet:
            _print_addresses(url)
        with _ready(given.ready_file, url):
            await stop.wait()
    if not given.quiet:
        counts = phonon.summary()
        print(f"stopped: {counts['requests']} requests, {counts['accepted_calls']} calls accepted", flush=True)


@contextmanager
def _ready(path: Path | None, url: str) -> Iterator[None]:
    """Keep the base URL in a file while the context lasts."""
    if path is None:
        yield
        return
    # Renamed into place: whoever waits for the file never reads half an address.
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(url + "\n", encoding="utf-8")
    unfinished.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _print_addresses(url: str) -> None:
    print("Stand-in Phonon (made from the documentation, not the real service; nobody is called)")
    for endpoint in Endpoint:
        print(f"  {endpoint.value:<9} {url}{endpoint.path}")
    print(f"  page      {url}/", flush=True)


def _settings(given: argparse.Namespace) -> Settings:
    return Settings(
        bulk_per_minute=given.bulk_per_minute,
        realtime_per_minute=given.realtime_per_minute,
        limit_unit=LimitUnit(given.limit_unit),
        send_retry_after=not given.no_retry_after,
        security_ids=frozenset(given.security_id),
        flow_ids=frozenset(given.flow_id),
        test_numbers=frozenset(given.test_number),
        invalid_number_endings=tuple(given.invalid_number_ending),
        bulk_answer=BulkAnswer(given.bulk_answer),
        bulk_repeat=BulkRepeat(given.bulk_repeat),
        refused_counts_as_received=given.refused_counts_as_received,
        refusal_status=given.refusal_status,
        delay_seconds=given.delay_ms / 1000,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="A stand-in of the Phonon outbound API.", epilog=_EPILOG
    )
    default = Settings()
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8088, help="port; 0 for any that is free (%(default)s)")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--ready-file", type=Path, help="file that holds the base URL while listening")
    _add_limits(parser, default)
    _add_account(parser)
    _add_undocumented(parser, default)
    return parser


def _add_limits(parser: argparse.ArgumentParser, default: Settings) -> None:
    group = parser.add_argument_group("limits (0: none)")
    group.add_argument("--bulk-per-minute", type=int, default=default.bulk_per_minute, help="(%(default)s)")
    group.add_argument("--realtime-per-minute", type=int, default=default.realtime_per_minute, help="(%(default)s)")
    group.add_argument("--limit-unit", choices=[unit.value for unit in LimitUnit], default=default.limit_unit.value)
    group.add_argument("--no-retry-after", action="store_true", help="answer 429 without Retry-After")
    group.add_argument("--delay-ms", type=float, default=0, help="how long every answer takes (%(default)s)")


def _add_account(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("account (each may be repeated; none: any that is well-formed)")
    group.add_argument("--security-id", action="append", default=[], help="a known security-id")
    group.add_argument("--flow-id", action="append", default=[], help="a known flow-id")
    group.add_argument("--test-number", action="append", default=[], help="a number that api-version TEST may call")
    group.add_argument(
        "--invalid-number-ending", action="append", default=[], help="refuse numbers that end so with 205"
    )


def _add_undocumented(parser: argparse.ArgumentParser, default: Settings) -> None:
    group = parser.add_argument_group("not documented by the vendor")
    group.add_argument(
        "--bulk-answer", choices=[shape.value for shape in BulkAnswer], default=default.bulk_answer.value
    )
    group.add_argument(
        "--bulk-repeat", choices=[treatment.value for treatment in BulkRepeat], default=default.bulk_repeat.value
    )
    group.add_argument("--refused-counts-as-received", action="store_true")
    group.add_argument("--refusal-status", type=int, default=default.refusal_status, help="(%(default)s)")
