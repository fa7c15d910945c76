"""A PostgreSQL server of one test module, which its tests end as a crash would and start again."""

from __future__ import annotations

from dataclasses import dataclass

from faults.moments import at_the_second
from phonon.dispatch.points import Point, observe
from postgres_server import PostgresServer
from trial import Trial

_OPTIONS = "-c listen_addresses='' -c fsync=off -c max_connections=50"


class InterruptedPostgres(PostgresServer):
    """Without ``synchronous_commit=off``, with which a crash would forget what was committed just before."""

    def start(self) -> None:
        """Make an empty server and wait until it answers."""
        super().start()
        self.crash()
        self.start_again()

    def crash(self) -> None:
        """End it at once, connections and transactions with it."""
        self._run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def start_again(self) -> None:
        """Start it, and wait until it has recovered and answers."""
        options = f"{_OPTIONS} -k {self._folder}"
        self._run("pg_ctl", "--wait", "--log", str(self._folder / "log"), "--options", options, "start")


@dataclass
class CrashTrial(Trial):
    """A trial whose sender's process ends the ledger's server when it reaches ``point`` for the second time."""

    server: InterruptedPostgres | None = None
    point: Point = Point.BEFORE_TAKE

    def trigger_and_crash(self, run_id: str) -> None:
        """Send, until the ledger is gone."""
        assert self.server is not None
        observe(at_the_second(self.point, self.server.crash))
        self.trigger(run_id)
