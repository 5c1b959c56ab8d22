"""One worker of the fleet: the real shard work, shared pace and leases, on a machine that a seed ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

from bulkconn.core.errors import LedgerError
from bulkconn.core.reply import Fault, Reply
from bulkconn.engine.context import World
from bulkconn.engine.existing import SHARED_FOR_S
from bulkconn.engine.service import Service as EngineService
from bulkconn.fleet.shard_work import Again, Means, ShardWork
from bulkconn.fleet.shared_pace import SharedPacer
from bulkconn.fleet.worker import WorkerSettings
from bulkconn.ledger.postgres import PostgresStore
from bulkconn.ledger.postgres_url import parse_place
from tests.simulation.disk import TARGET
from tests.simulation.door import Door
from tests.simulation.fleet.hub import Seat
from tests.simulation.fleet.server import Link
from tests.simulation.fleet.thread import VirtualThread, WorkerClock
from tests.simulation.party import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import PageQuery, Token, TokenFailure
    from bulkconn.core.settings import RunSettings
    from bulkconn.ledger.database import Database
    from tests.simulation.fleet.story import FleetStory
    from tests.simulation.fleet.thread import _Sleeper

PLACE: Final = parse_place("postgresql://fleet@db.example.com/bulkconn")
_OPEN: Final = (
    "SELECT shards.id FROM shards JOIN submissions ON submissions.run = shards.run "
    "WHERE shards.state IN ('queued', 'working') AND submissions.state <> 'paused' ORDER BY shards.id"
)


#: What one worker was told all others heed after so many seconds.
_HEARD_WITHIN_S: Final = 1.0
_MOMENT_S: Final = 1e-3
_COUNTED: Final = frozenset({"shard.lost", "row.answered_late", "pace.unreachable"})


@dataclass(slots=True)
class Fortune:
    """What is to happen to one worker: times, and spans of (begin, length)."""

    kill_s: float | None = None
    kill_step: int | None = None
    interrupt_s: float | None = None
    stalls: tuple[tuple[float, float], ...] = ()
    cuts: tuple[tuple[float, float], ...] = ()
    #: Shares of COMMITs whose answer is lost, and that kill.
    losing: float = 0.0
    killing: float = 0.0
    hang_s: float = 0.0
    latency_s: float = 0.001
    shards_at_once: int = 1


class FleetDoor(Door):
    """A worker's way to the service; at each POST its lease is compared with the database's own word."""

    def __init__(self, process: WorkerProcess) -> None:
        super().__init__(process.story.service, process.story.party, may_post=True)
        self._process = process
        self._is_renewing = False
        #: Ids that answers brought.
        self.told: list[str] = []

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one POST."""
        process, server = self._process, self._process.story.server
        keys = server.sending(request.name, request.sandbox, request.connection_spec_id)
        for key in keys:
            if not server.may_send(process.name, key):
                self._service.crimes.append(f"{process.name} sent {key} without a lease")
            if server.was_answered_late(key):
                self._service.crimes.append(f"{key} was sent again though the ledger has its late answer")
        self._judge_closings()
        answer = await super().create(request, token)
        self._note_closing(answer)
        if isinstance(answer, Reply) and answer.status == 201 and isinstance(answer.body, dict):
            self.told += [one for one in (answer.body.get("id"),) if isinstance(one, str)]
        return answer

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Ask for one page."""
        self._judge_closings()
        answer = await super().list_page(query, token)
        self._note_closing(answer)
        return answer

    async def renew(self) -> Token | TokenFailure:
        """Get a new token; all shards of the worker ask by one request."""
        if self._is_renewing:
            self._service.crimes.append(f"{self._process.name} asked for a token while one was on its way")
        self._is_renewing = True
        try:
            return await super().renew()
        finally:
            self._is_renewing = False

    def _note_closing(self, answer: Reply | Fault) -> None:
        process, now_s = self._process, self._loop.now_s
        if isinstance(answer, Reply) and answer.retry_after_s is not None and process.is_untroubled:
            process.story.closings.append((now_s, now_s + answer.retry_after_s, process))

    def _judge_closings(self) -> None:
        """What one worker was told closes the gate for all within a second."""
        now_s = self._loop.now_s
        if not self._process.is_untroubled:
            return
        for told_s, until_s, by in self._process.story.closings:
            heard_s, left_s = told_s + _HEARD_WITHIN_S, until_s - now_s
            if heard_s < now_s and left_s > _MOMENT_S and by.ended_s > heard_s:
                what = f"sent {left_s:.2f} s before {by.name}'s Retry-After was over"
                self._service.crimes.append(f"{self._process.name} {what}")


class WorkerProcess:
    """A worker from its start to its end."""

    def __init__(self, story: FleetStory, name: str, fortune: Fortune, settings: RunSettings) -> None:
        self.story = story
        self.hub = story.hub
        self.name = name
        self.settings = settings
        self.dice = Random(story.dice.getrandbits(32))
        self.seat = Seat(story.hub, self._on_kill)  # type: ignore[abstract]  # it has what the engine uses of a loop
        self.seat.process = self
        hub: Any = story.hub
        booted_at_s = self.dice.random() * 900.0
        self.clock = WorkerClock(hub, boot=story.next_boot(), booted_at_s=booted_at_s)
        self.clock.skew_s = self.dice.choice((0.0, 0.0, -3600.0, 1800.0))
        #: What its ledgers' threads do that may sleep.
        self.sleepers: set[_Sleeper] = set()
        self.link = Link(story.server, self.seat, Random(story.dice.getrandbits(32)))
        self.link.name = name
        self.door = FleetDoor(self)
        self.error: BaseException | None = None
        self.is_fair = False
        #: Whether it could not write to the ledger at all for some while.
        self.has_broken = False
        self.was_killed = False
        self.ended_s = float("inf")
        self.ended: asyncio.Future[None] = story.seat.create_future()
        self._fortune = fortune
        self._work: ShardWork | None = None
        self._is_stopping = False
        self.stopped_over = ""

    @property
    def is_untroubled(self) -> bool:
        """Whether it always goes on and reaches the database."""
        return not self._fortune.stalls and not self._fortune.cuts

    # --- what happens to it -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work, and let its fortune come."""
        fortune, director = self._fortune, self.story.seat
        self.link.cuts = tuple((at_s, at_s + length_s) for at_s, length_s in fortune.cuts)
        self.link.losing, self.link.killing = fortune.losing, fortune.killing
        self.link.hang_s = fortune.hang_s
        if fortune.kill_step is not None:
            self.seat.steps_left = fortune.kill_step
        if fortune.kill_s is not None:
            director.call_at(fortune.kill_s, self.seat.kill)
        if fortune.interrupt_s is not None:
            self.seat.call_at(fortune.interrupt_s, self.interrupt)
        for at_s, length_s in fortune.stalls:
            director.call_at(at_s, self._stall, length_s)
        task = self.seat.create_task(self._main())
        task.add_done_callback(lambda _: self._end())

    def interrupt(self) -> None:
        """Tell it to end, as SIGTERM does."""
        self._is_stopping = True
        if self._work is not None:
            self._work.interrupt()

    def spare(self) -> None:
        """Let nothing more happen to it, and let it end when nothing is left to do."""
        self.link.cuts, self.link.losing, self.link.killing = (), 0.0, 0.0
        self.is_fair = True

    def network_s(self) -> float:
        """Draw how long a way to the database takes."""
        return self.dice.random() * self._fortune.latency_s

    def _stall(self, length_s: float) -> None:
        if not self.seat.is_dead and not self.ended.done():
            self.story.note("worker stalled")
            self.seat.freeze(length_s)
            self.story.wakes_s.append(self.hub.now_s + length_s)

    def _on_kill(self) -> None:
        for sleeper in list(self.sleepers):
            sleeper.end()
        self.sleepers.clear()
        if not self.ended.done():
            self.was_killed = True
            self.ended_s = self.hub.now_s
            self.story.note("worker killed")
            self.ended.set_result(None)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended_s = self.hub.now_s
            self.ended.set_result(None)

    def _on_shard(self) -> None:
        """From here on names count as known that showed when the last listing can have been made."""
        if self._fortune.shards_at_once == 1:
            self.door.began_s = max(self.door.began_s, self.hub.now_s - SHARED_FOR_S)

    # --- what it does -----------------------------------------------------------------------------

    async def _main(self) -> None:
        try:
            await self._serve()
        except LedgerError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a defect, told with its seed
            if self.seat.is_dead:
                return
            self.error = error
            self.story.crimes.append(f"{self.name} ended with {error!r}")

    async def _serve(self) -> None:
        story = self.story
        log: Any = _Log(story, self.name, self._on_shard)
        world = World(self.clock, self.dice, log, lambda key, one: story.party.unrecorded.append((key, one)))
        rate_per_s = self.settings.pace.rate_per_s
        async with SharedPacer(PLACE, TARGET, rate_per_s, log=log) as pacer:
            means = Means(
                target=TARGET,
                settings=self.settings,
                service=EngineService(self.door, self.door),
                pace=pacer,
                secrets=Secrets(Random(self.dice.getrandbits(32)), trouble=0.0),
                world=world,
                request_timeout_s=story.service.habits.timeout_s,
                schemes=(),
                network=cast("Any", None),
            )
            how = WorkerSettings(self.name, (), self._fortune.shards_at_once, 1000, exit_when_idle=True)
            reader = await VirtualThread.start(self._open)
            try:
                self._work = work = ShardWork(PLACE, cast("Any", reader), means, how, self.clock, log)
                takers = [self._take_shards(reader, work) for _ in range(self._fortune.shards_at_once)]
                await asyncio.gather(*takers)
                self.stopped_over = work.stopped.reason if work.stopped is not None else ""
            finally:
                await reader.close()

    def _open(self) -> PostgresStore:
        store = PostgresStore(PLACE, elapsed_s=self.clock.elapsed_s)
        store.attach()
        return store

    async def _take_shards(self, reader: VirtualThread, work: ShardWork) -> None:
        """Look at any open shard at any time, as a queue would have it that delivers at least once."""
        while not self._is_stopping and work.stopped is None:
            found = await reader.call(lambda store: store.read(_open_shards))
            if not found:
                if self.is_fair:
                    return
                await asyncio.sleep(2.0)
                continue
            try:
                await work.on_shard(self.dice.choice(found))
            except Again as again:
                await asyncio.sleep(again.in_s + self.dice.random())
            except LedgerError as error:
                self.has_broken = True
                self.story.note(f"shard left over {type(error).__name__}")
                await asyncio.sleep(1.0 + 4.0 * self.dice.random())


def _open_shards(db: Database) -> list[int]:
    return [one for (one,) in db.execute(_OPEN).fetchall()]


class _Log:
    """A structlog logger as workers use it, into the story's trace or nowhere."""

    def __init__(self, story: FleetStory, who: str, on_shard: Callable[[], None] | None = None) -> None:
        self._story = story
        self._who = who
        self._on_shard = on_shard

    def bind(self, **_: object) -> _Log:
        """Give itself."""
        return self

    def _say(self, event: str, **facts: object) -> None:
        if event == "shard.begun" and self._on_shard is not None:
            self._on_shard()
        if event in _COUNTED:
            self._story.note(f"log: {event}")
        if self._story.trace is not None:
            self._story.trace(f"{self._who} log {event} {facts}")

    debug = info = warning = error = _say
