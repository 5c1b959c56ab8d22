"""One seed of a fleet: workers that are killed, stalled and cut off, then fair ones to the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

from bulkconn.core.names import LedgerId, RunId
from bulkconn.core.plan import Reopen
from bulkconn.engine.context import World
from bulkconn.engine.run import Engine
from bulkconn.engine.service import Service as EngineService
from bulkconn.ledger import shards
from bulkconn.ledger.grouped import SEE_ROW, seen_values
from bulkconn.ledger.leases import LEASE_S
from bulkconn.ledger.postgres import Holder
from bulkconn.ledger.postgres_ledger import PostgresLedger
from tests.simulation import invariants
from tests.simulation.disk import EPOCH, TARGET
from tests.simulation.drawing import Drawing
from tests.simulation.fleet import judging
from tests.simulation.fleet.hub import Hub, Seat
from tests.simulation.fleet.server import Server
from tests.simulation.fleet.thread import virtual_database
from tests.simulation.fleet.worker import PLACE, Fortune, WorkerProcess, _Log
from tests.simulation.loop import Stuck, replaced, virtual_time
from tests.simulation.meddling import Meddling
from tests.simulation.menu import Weather
from tests.simulation.party import Party
from tests.simulation.scenario import CLIENT_ID, Verdict
from tests.simulation.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.ledger.shards import Shard

ROWS: Final = 30
_BOUND_S: Final = 12 * 3600.0
_FAIR_ROUNDS: Final = 5


def simulate_fleet(seed: int, *, trace: Callable[[str], None] | None = None) -> Verdict:
    """Play one seed of a fleet to its end and judge it."""
    story = FleetStory(seed, trace)
    with (
        virtual_time(cast("Any", story.hub)),
        replaced(story.drawing.limits()),
        virtual_database(story.hub, story.read),
    ):
        story.play()
    return story.verdict


class FleetStory:
    """Everything that one seed of a fleet decides."""

    def __init__(self, seed: int, trace: Callable[[str], None] | None) -> None:
        self.dice = dice = Random(seed)
        self.hub = hub = Hub()
        self.loop = hub
        self.trace = None if trace is None else (lambda text: trace(f"{hub.now_s:10.3f} {text}"))
        self.seat = Seat(hub)  # type: ignore[abstract]  # it has what the engine uses of a loop
        self.seat.process = self
        self.drawing = Drawing(dice)
        self.is_within = self.drawing.is_within
        self.verdict = Verdict(seed, is_within=self.is_within)
        #: Whether answers come after leases, and connections long after both: by chance that is rare.
        self.is_estranged = not self.is_within and Random(f"{seed}/estranged").random() < 0.3
        if self.is_estranged:
            self.drawing.grace_s = 2.0
        self.lines = self.drawing.lines(ROWS)
        habits = self.drawing.habits(self.lines)
        habits = replace(
            habits, timeout_s=dice.choice((5.0, 30.0, 60.0)), latency_s=min(habits.latency_s, 0.3)
        )
        if self.is_estranged:
            habits = replace(habits, timeout_s=5.0, latency_s=1.0, lag_s=200.0, rejected=frozenset())
        self.service = Service(cast("Any", hub), Random(dice.getrandbits(32)), habits, self.trace)
        self.server = Server(hub, TARGET, LedgerId("fleet"), EPOCH)
        has_marker = dice.random() < 0.2
        self.party = Party(
            "F",
            cast("Any", self.server),
            CLIENT_ID,
            self.lines,
            self.service,
            self.drawing.on_existing,
            has_marker,
        )
        self.parties = [self.party]
        self.meddling = Meddling(cast("Any", self))
        self.crimes: list[str] = []
        #: When workers that stood still go on: what had its slot leaves then.
        self.wakes_s: list[float] = []
        self.processes: list[WorkerProcess] = []
        #: Every Retry-After: when it was read, when it is over, and by whom.
        self.closings: list[tuple[float, float, WorkerProcess]] = []
        self.runs = 0
        #: Those of the last submission.
        self._run_ids: list[RunId] = []
        self._boots = 0

    # --- what the parts ask for -------------------------------------------------------------------

    def next_boot(self) -> int:
        """Number the machines."""
        self._boots += 1
        return self._boots

    def note(self, what: str) -> None:
        """Count what the story met."""
        self.verdict.met[what] += 1
        if self.trace is not None:
            self.trace(f"=== {what}")

    def read(self, shard: Shard) -> Sequence[Endpoint]:
        """Give the rows of a shard, as its slice of the inventory has them."""
        first, count = shard.part["first"], shard.part["rows"]
        return [line.endpoint() for line in self.lines[first : first + count]]

    # --- the plot ---------------------------------------------------------------------------------

    def play(self) -> None:
        """Play it, and judge what is left."""
        try:
            self.meddling.before_everything()
            self.hub.run(self.seat, self._play(), bound_s=_BOUND_S)
        except Stuck as error:
            self.verdict.faults.append(str(error))
        finally:
            for process in self.processes:
                process.seat.kill()
            self.seat.forget_tasks()
            asyncio._set_running_loop(None)
        if not self.verdict.faults:
            self.verdict.faults += judging.at_the_end(self)
        verdict = self.verdict
        verdict.runs, verdict.posts = len(self.processes), self.service.posts
        verdict.crashes = sum(process.was_killed for process in self.processes)
        verdict.twins = len(invariants.twins(cast("Any", self), self.party))
        verdict.longest_s = self.hub.now_s - 1000.0
        self.server.db.close()

    async def _play(self) -> None:
        dice = self.dice
        self._submit()
        self.service.weather = self.drawing.weather(self.hub.now_s)
        self.meddling.during()
        until_s = self.hub.now_s + dice.choice((40.0, 120.0, 300.0))
        await asyncio.gather(*(self._keep_alive(number, until_s) for number in range(dice.randint(2, 4))))
        self.service.weather = Weather()
        await self._finish()
        if self.verdict.faults:
            return
        shown_s = max((made.shown_s for made in self.service.made if not made.is_gone), default=0.0)
        # A worker that was killed leaves its lease behind.
        await asyncio.sleep(max(LEASE_S, shown_s - self.hub.now_s) + 1.0)
        await self._settle()

    async def _keep_alive(self, number: int, until_s: float) -> None:
        """Start a worker again whenever it ends, until the bad times are over."""
        dice, hub = self.dice, self.hub
        await asyncio.sleep(dice.choice((0.0, dice.random() * 20.0)))
        while hub.now_s < until_s and not self.verdict.faults:
            process = self._worker(number, self._fortune())
            await asyncio.wait({process.ended}, timeout=max(0.0, until_s - hub.now_s))
            if not process.ended.done():
                if dice.random() < 0.4:
                    process.seat.kill()
                process.spare()
                return
            self.verdict.faults += judging.after_a_worker(self, process)
            await asyncio.sleep(dice.random() * 10.0)

    def _worker(self, number: int, fortune: Fortune, *, is_fair: bool = False) -> WorkerProcess:
        settings = self.drawing.settings(CLIENT_ID, Reopen(), has_marker=self.party.has_marker)
        self.runs += 1
        process = WorkerProcess(self, f"w{number}.{self.runs}", fortune, settings)
        if self.trace is not None:
            self.trace(f"=== {process.name} begins: {fortune} {settings}")
        self.processes.append(process)
        process.start()
        if is_fair:
            process.spare()
        return process

    def _fortune(self) -> Fortune:
        dice, now_s = self.dice, self.hub.now_s
        fortune = Fortune(latency_s=dice.choice((0.001, 0.01, 0.1)), shards_at_once=dice.choice((1, 1, 2)))
        if self.is_estranged and dice.random() < 0.7:
            fortune.cuts = ((now_s + 1.0 + dice.random() * 6.0, dice.choice((16.0, 18.0, 22.0))),)
            return fortune
        kind = dice.random()
        if kind < 0.2:
            fortune.kill_s = now_s + dice.random() * dice.choice((2.0, 20.0, 100.0))
        elif kind < 0.3:
            fortune.kill_step = int(dice.random() * dice.choice((400, 3000))) + 1
        elif kind < 0.4:
            fortune.interrupt_s = now_s + dice.random() * 40.0
        if dice.random() < 0.5:
            fortune.stalls = tuple(
                (now_s + dice.random() * 40.0, dice.choice((1.0, 14.0, 17.0, 40.0, 150.0)))
                for _ in range(dice.randint(1, 2))
            )
        if dice.random() < 0.4:
            fortune.cuts = tuple(
                (now_s + dice.random() * 30.0, dice.choice((0.3, 5.0, 16.0, 45.0, 140.0)))
                for _ in range(dice.randint(1, 2))
            )
            fortune.hang_s = dice.choice((0.0, 0.0, 3.0, 12.0))
            self.note("cut off from the database")
        if dice.random() < 0.4:
            fortune.losing = dice.choice((0.02, 0.1, 0.3))
            self.note("COMMITs without an answer")
        if dice.random() < 0.1:
            fortune.killing = 0.02
        return fortune

    async def _finish(self) -> None:
        """Let fair workers do what is left; in fair weather that takes a few rounds at most."""
        for _ in range(_FAIR_ROUNDS):
            fair = [self._worker(10 + number, Fortune(), is_fair=True) for number in range(2)]
            await asyncio.wait({process.ended for process in self.processes})
            for process in fair:
                self.verdict.faults += judging.after_a_worker(self, process)
            if self.verdict.faults:
                return
            if any("alike" in process.stopped_over for process in fair):
                self._change_runs(shards.RunState.CANCELLED)
            if self._is_done():
                return
            self._submit()
        self.verdict.faults.append("five rounds in fair weather did not finish the inventory")

    def _is_done(self) -> bool:
        rows = self.server.rows("SELECT count(*) FROM rows WHERE state IN ('pending', 'sending')")
        left = self.server.rows("SELECT count(*) FROM shards WHERE state IN ('queued', 'working')")
        cancelled = self.server.rows("SELECT count(*) FROM shards WHERE state = 'cancelled'")
        return not left[0][0] and bool(not rows[0][0] or cancelled[0][0])

    async def _settle(self) -> None:
        """Look at everything once more, as `bulkconn settle` does."""
        process: Any = WorkerProcess(
            self,
            "settle",
            Fortune(),
            self.drawing.settings(CLIENT_ID, Reopen(), has_marker=self.party.has_marker),
        )
        self.seat.process = process
        process.seat, process.link.seat = self.seat, self.seat
        holder = Holder("settle", self.service.habits.timeout_s)
        ledger = await PostgresLedger.open(
            PLACE, TARGET, holder, now=EPOCH, new_ledger_id=LedgerId("unused"), clock=process.clock
        )
        log: Any = _Log(self, "settle")
        world = World(process.clock, process.dice, log, lambda key, one: self.crimes.append(f"{key} {one}"))
        service = EngineService(process.door, process.door)
        engine = Engine(
            RunId("settle"),
            process.settings,
            ledger=ledger,
            service=service,
            secrets=cast("Any", None),
            world=world,
        )
        await engine.settle()
        await ledger.close()

    # --- the database, by its owner ---------------------------------------------------------------

    def _change_runs(self, to: shards.RunState) -> None:
        for run_id in self._run_ids:
            self._write(partial(shards.change_run, run_id=run_id, to=to, at=EPOCH))

    def _submit(self) -> None:
        """Bring back what was set aside; once nothing is open, submit the inventory (anew)."""
        if self.server.rows("SELECT 1 FROM submissions WHERE state = 'active' LIMIT 1"):
            self._change_runs(shards.RunState.ACTIVE)
        if not self.server.rows("SELECT 1 FROM shards WHERE state IN ('queued', 'working')"):
            self._write(self._record)

    def _record(self, db: Any) -> None:
        """Submit the inventory as one run, or as two that share pace and workers."""
        cut = self.dice.choice((0, 0, 0, 10, 20))
        if cut:
            self.note("two runs at a time")
        self._run_ids = [
            self._record_run(db, *part) for part in ((0, cut), (cut, len(self.lines))) if part[1]
        ]

    def _record_run(self, db: Any, begin: int, end: int) -> RunId:
        before = self.server.rows("SELECT 1 FROM submissions")
        run_id = RunId(f"run-{len(before) + 1}")
        policy = {
            "on_existing": self.drawing.on_existing.value,
            "retry_failed": False,
            "marker": self.party.has_marker,
        }
        db.execute(
            "INSERT INTO runs (run_id, began_at, settings, target) VALUES (?, 0, '{}', '{}')", (run_id,)
        )
        ((run,),) = db.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchall()
        shards.insert_submission(db, run, shards.Submission(run_id, "q", 0, ("inventory.csv",), policy))
        size = self.dice.choice((4, 10, 15, 30))
        for number, first in enumerate(range(begin, end, size), 1):
            lines = self.lines[first : min(first + size, end)]
            shard = shards.insert_shard(db, run, number, {"first": first, "rows": len(lines)}, EPOCH)
            for line in lines:
                db.execute(SEE_ROW, seen_values(line.endpoint(), EPOCH))
                db.execute("UPDATE rows SET shard = ? WHERE key = ?", (shard, line.endpoint().key))
        return run_id

    def _write(self, work: Callable[[Any], None]) -> None:
        self.server.begin()
        work(self.server)
        self.server.db.execute("COMMIT")
