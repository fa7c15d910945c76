"""A schedule: what one seed makes happen. Campaigns, overlapping runs, bad weather, people; then calm."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from phonon.api.endpoints import Endpoint
from phonon.contacts.columns import ContactColumns
from phonon.dispatch.dispatcher import Dispatcher
from phonon.dispatch.flights import Flights
from phonon.dispatch.policy import UnknownPolicy
from phonon.dispatch.progress import Progress
from phonon.dispatch.rules import SendingRules
from phonon.errors import LedgerError
from phonon.ledger.budget import RateLimit
from phonon.ledger.claims import find_interval
from phonon.ledger.pauses import EVERYTHING, pause, resume
from phonon.ledger.report import open_calls
from phonon.ledger.shares import Share
from phonon.ledger.store import Ledger
from phonon.planning.planner import Planner
from phonon.planning.rules import PlanningRules
from planning.windows import ALWAYS, INDIA, OFFICE_HOURS
from simulation.books import Books
from simulation.faults import FaultSource
from simulation.hosts import Interrupted, SimulatedProcess, Weather
from simulation.people import People
from simulation.timeline import Timeline
from simulation.wire import Roads, SimulatedTransport, Wire
from simulator.settings import BulkAnswer, BulkRepeat, Settings
from simulator.standin import Phonon

_LOG = logging.getLogger("simulation")
_LOG.setLevel(logging.CRITICAL)
_HOURS = ((9, 58), (11, 0), (11, 0), (14, 30), (18, 57), (23, 56))


@dataclass
class Campaign:
    """A campaign with its intervals, each of which has contacts of its own."""

    name: str
    endpoint: Endpoint
    intervals: list[str]
    on_unknown: UnknownPolicy
    always_open: bool
    contacts: dict[str, list[str]] = field(default_factory=dict)
    """What the query of each interval returns by now."""
    planned: dict[str, list[str]] = field(default_factory=dict)
    """What it returned to a plan that was completed."""

    @property
    def window(self) -> object:
        return ALWAYS if self.always_open else OFFICE_HOURS


class Story:
    """One schedule over a new, empty ledger. ``clock`` is handed to the ledger by the caller."""

    def __init__(self, seed: int, trace: Callable[[str], None] | None = None) -> None:
        random.seed(seed)  # the backoff's jitter
        self.timeline = Timeline(seed, _some_morning(seed), trace)
        self._random = self.timeline.random
        self.clock_offset = 0.0
        self.clock_was_wrong = False
        self.happened = self.timeline.happened
        self._security_ids = ["A" * 64, "B" * 64][: self._random.choice((1, 1, 2))]
        self._large = self._random.random() < 0.2
        self._limit = self._random.choice((4, 8, 60)) if self._large else 60
        self._highest_limit = self._limit
        self._campaigns = self._draw_campaigns()
        self._faults = FaultSource(self._random, self._random.choice((0.0, 0.1, 0.4)))
        settings = self._draw_settings()
        self._wire = Wire(self.timeline, Phonon(settings), self._draw_roads(settings), self._faults.draw)
        self._weather = self._draw_weather()
        self._processes: list[SimulatedProcess] = []
        self._run_limits = {"run-2": 3}

    def clock(self) -> float:
        """The ledger's clock."""
        return self.timeline.now + self.clock_offset

    def tell(self, ledger: Ledger) -> None:
        """Let it happen, then check the books."""
        self._ledger = ledger
        self._people = People(ledger, self._wire, self._random)
        self._books = Books(ledger, self._wire, {each.name: each for each in self._campaigns})
        for _ in range(self._random.choice((1, 2, 3) if self._large else (1, 1, 2))):
            campaign = self._random.choice(self._campaigns)
            self.timeline.after(
                self._random.choice((0.0, 0.0, 0.5, 5.0, 40.0, 200.0)), lambda each=campaign: self._start(each)
            )
        for event in (self._jump, self._pause, self._rotate, self._lower_limit, self._settle):
            if self.timeline.chance(0.12):
                self.timeline.after(self._random.uniform(0, 60), event)
        if self.timeline.chance(0.3):
            self.timeline.after(self._random.uniform(0, 60), self._books.check_now)
        self.timeline.run()
        self._calm()
        self._books.check_end(self._highest_limit, clock_was_wrong=self.clock_was_wrong, happened=self.happened)

    def _calm(self) -> None:
        """The weather clears, people do what the messages say, and every interval is run until nothing is open."""
        self.timeline.tell("CALM")
        self._books.check_run_limits(self._run_limits)
        self._run_limits = {}
        self._faults.rate = 0.0
        self._wire.roads = Roads()
        self._weather = Weather()
        if self.clock_was_wrong:  # sends that were noted with a time ahead count until it has come
            self.timeline.now += 2 * 86400.0
        self.clock_offset = 0.0
        with self._ledger.transaction() as connection:
            for scope in (EVERYTHING, *(each.name for each in self._campaigns)):
                resume(connection, scope, by="asha", now=self.clock())
        for hours in (0.0, 0.2, 8.0, 8.0, 8.0, 8.0):
            self.timeline.now += hours * 3600.0
            if self._random.random() < 0.5:
                self._settle()
            for campaign, key in self._left():
                self._start(campaign, key=key)
                self.timeline.run()
            if not self._left():
                return
        raise AssertionError("Calls stay open although everything works.")

    def _left(self) -> list[tuple[Campaign, str]]:
        """The intervals that were not planned to the end, or that have calls that are open."""
        with self._ledger.transaction() as connection:
            return [
                (campaign, key)
                for campaign in self._campaigns
                for key in campaign.intervals
                if campaign.planned.get(key) != campaign.contacts[key]
                or open_calls(connection, find_interval(connection, campaign.name, key))
            ]

    def _start(self, campaign: Campaign, *, key: str | None = None) -> None:
        """A run begins: of the schedule, by hand, as a backfill, a retry or a clear, or a duplicate of another."""
        rng = self._random
        key = key or rng.choice(campaign.intervals)
        contacts = campaign.contacts[key]
        if rng.random() < 0.2:  # the query returns somebody new by now
            contacts.append(f"{campaign.name}-{key}-{len(contacts)}")
        run_id = rng.choice(("run-1", "run-2", f"run-{len(self._processes)}"))
        shards = rng.choice((1, 1, 1, 1, 1, 1, 2, 3))
        for part in range(shards):
            self._start_sender(campaign, key, run_id, Share(part, shards))

    def _start_sender(self, campaign: Campaign, key: str, run_id: str, share: Share) -> None:
        contacts = list(campaign.contacts[key])
        process = SimulatedProcess(self.timeline, f"P{len(self._processes)}", self._ledger, self._weather)
        self._processes.append(process)
        self.timeline.tell(
            f"{process.name} starts: {campaign.name} {key} {run_id} {len(contacts)} contacts, "
            f"shard {share.part + 1} of {share.of}"
        )
        process.start(lambda: self._run(process, campaign, key, run_id, contacts, self._security_ids[0], share))

    def _run(
        self,
        process: SimulatedProcess,
        campaign: Campaign,
        key: str,
        run_id: str,
        contacts: list[str],
        security_id: str,
        share: Share,
    ) -> None:
        """What the tasks of one run do, in one process."""
        limit = self._limit
        rules = PlanningRules(
            campaign.name, "abcdEF12", campaign.endpoint, "1.0", campaign.window, per_number=None, calls_per_batch=2
        )
        columns = ContactColumns("id", ("mobile",), {}, None)
        try:
            planner = Planner(process.ledger, rules, columns, run_id=run_id, log=_LOG)
            interval_id = planner.plan(key, _chunks(contacts)).interval_id
            campaign.planned[key] = max(contacts, campaign.planned.get(key, []), key=len)
            self._send(process, campaign, interval_id, run_id, security_id, limit, share)
        except (LedgerError, Interrupted) as error:
            self.timeline.tell(f"{process.name} fails: {error!r}")
            self.happened[type(error).__name__] += 1

    def _send(
        self,
        process: SimulatedProcess,
        campaign: Campaign,
        interval_id: int,
        run_id: str,
        security_id: str,
        limit: int,
        share: Share,
    ) -> None:
        account = self._ledger.account(security_id)
        rules = SendingRules(
            window=campaign.window,
            limits={endpoint: RateLimit(endpoint, account, limit) for endpoint in Endpoint},
            on_unknown=dict.fromkeys(Endpoint, campaign.on_unknown),
            max_calls_of_run=self._run_limits.get(run_id),
            max_in_flight=3,
            max_unclear=4,
            max_unreachable=3,
            max_throttled=6,
            grace_seconds=5.0,
            look_seconds=7.0,
        )
        transport = SimulatedTransport(self._wire, process)
        flights = Flights(transport, max_in_flight=3, process=process.as_process(self._is_dead))
        dispatcher = Dispatcher(
            process.ledger,
            flights,
            rules,
            security_id=security_id,
            run_id=run_id,
            log=_LOG,
            share=share,
            ending=process.ending,
        )
        stopped = dispatcher.send(interval_id, Progress(_LOG, 0, None))
        self.timeline.tell(f"{process.name} ends: {stopped}")
        self.happened[stopped.stop.value if stopped else "sent all"] += 1

    def _is_dead(self, owner: str) -> bool:
        """Whether a process can be seen to be dead from another: not always, it may be on another machine."""
        return any(each.name == owner and each.dead and int(owner[1:]) % 3 for each in self._processes)

    def _jump(self) -> None:
        self.clock_offset += self._random.choice((-3600.0, -30.0, 30.0, 3600.0, 86400.0))
        self.clock_was_wrong = True
        self.timeline.tell(f"CLOCK of the ledger is wrong by {self.clock_offset} s")

    def _pause(self) -> None:
        scope = self._random.choice((EVERYTHING, self._campaigns[0].name))
        self.timeline.tell(f"PAUSE {scope}")
        self.happened["pause"] += 1
        with self._ledger.transaction() as connection:
            pause(connection, scope, by="asha", reason="", now=self.clock())

    def _settle(self) -> None:
        for done in self._people.settle():
            self.timeline.tell(f"PEOPLE: {done}")
            self.happened[done] += 1

    def _rotate(self) -> None:
        self.timeline.tell("SECRET rotated")
        self.happened["rotated"] += 1
        self._security_ids = ["C" * 64]

    def _lower_limit(self) -> None:
        self._limit = max(3, self._limit // 2)
        self.timeline.tell(f"LIMIT is {self._limit} from now on")

    def _draw_campaigns(self) -> list[Campaign]:
        rng = self._random
        campaigns = []
        for number in range(rng.choice((1, 2)) if self._large else 1):
            endpoint = rng.choice(list(Endpoint))
            policy = UnknownPolicy.RESEND if endpoint is Endpoint.REALTIME else rng.choice(list(UnknownPolicy))
            if rng.random() < 0.1:
                policy = UnknownPolicy.HOLD
            keys = [f"day-{day}" for day in range(rng.choice((1, 1, 2)) if self._large else 1)]
            campaign = Campaign(f"campaign{number}", endpoint, keys, policy, rng.random() < 0.5)
            for key in keys:
                campaign.contacts[key] = [
                    f"{campaign.name}-{key}-{i}" for i in range(rng.choice((2, 4, 7) if self._large else (1, 2, 3)))
                ]
            campaigns.append(campaign)
        return campaigns

    def _draw_settings(self) -> Settings:
        rng = self._random
        resends = any(
            each.endpoint is Endpoint.BULK and each.on_unknown is UnknownPolicy.RESEND for each in self._campaigns
        )
        # Whoever has bulk re-send must know that bulk recognises equal bytes; that is what the default is for.
        repeats = (BulkRepeat.REFUSE, BulkRepeat.DROP) if resends else tuple(BulkRepeat)
        own_limit = rng.choice((0, 0, 0, max(3, self._limit // 2)))
        return Settings(
            bulk_answer=rng.choice(list(BulkAnswer)),
            bulk_repeat=rng.choice(repeats),
            refused_counts_as_received=rng.random() < 0.3,
            refusal_status=rng.choice((200, 200, 400)),
            bulk_per_minute=own_limit,
            realtime_per_minute=own_limit,
            send_retry_after=rng.random() < 0.5,
            invalid_number_endings=rng.choice(((), (), ("1", "3", "5", "7"))),
            seed=str(rng.random()),
        )

    def _draw_roads(self, settings: Settings) -> Roads:
        rng = self._random
        rate = rng.choice((0.0, 0.05, 0.25))
        # A network that doubles requests in front of a Phonon that forgets them calls twice whatever we do.
        forgets = settings.bulk_repeat is BulkRepeat.FORGET
        return Roads(
            unreachable=rng.choice((0.0, 0.0, rate, 3 * rate)),
            lost=rng.choice((0.0, rate)),
            answer_lost=rng.choice((0.0, rate)),
            late=rng.choice((0.0, rate)),
            repeated=0.0 if forgets else rng.choice((0.0, rate)),
            suspended_at_first_byte=rng.choice((0.0, 0.0, rate / 5)),
        )

    def _draw_weather(self) -> Weather:
        rng = self._random
        rate = rng.choice((0.0, 0.01, 0.05))
        return Weather(
            crash=rng.choice((0.0, rate)),
            suspend=rng.choice((0.0, rate)),
            interrupt=rng.choice((0.0, rate / 2)),
            end=rng.choice((0.0, rate / 2)),
            ledger=rng.choice((0.0, rate, 2 * rate)),
        )


def _chunks(contacts: list[str]) -> Iterator[pd.DataFrame]:
    for start in range(0, len(contacts), 6):
        part = contacts[start : start + 6]
        numbers = [f"99999{sum(each.encode()) * 31 % 100_000:05d}" for each in part]
        yield pd.DataFrame(list(zip(part, numbers, strict=True)), columns=["id", "mobile"], dtype=object)


def _some_morning(seed: int) -> float:
    hour, minute = _HOURS[seed % len(_HOURS)]
    day = datetime(2026, 11, 24, hour, minute, tzinfo=INDIA) + timedelta(days=seed % 7)
    return day.timestamp()
