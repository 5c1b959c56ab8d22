"""One process of `rollback`, `rotate` or `dedupe`: the engine's parts, joined as `cli` joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bulkconn.cli.pages import Pages
from bulkconn.cli.touring import round_of
from bulkconn.core.dedupe import Fate
from bulkconn.core.lifecycle import State
from bulkconn.core.names import RunId, loose_name
from bulkconn.core.plan import Reopen
from bulkconn.core.rollback import Delete
from bulkconn.core.rotation import Judgement, judge_rotation
from bulkconn.engine.asking import Asker
from bulkconn.engine.context import World
from bulkconn.engine.dedupe import Deduper, DoubleFinder
from bulkconn.engine.looking import serving
from bulkconn.engine.lookup import Looker
from bulkconn.engine.removing import Remover
from bulkconn.engine.rollback import Choice, Rollback
from bulkconn.engine.rotating import Rotator
from bulkconn.engine.run import Engine
from bulkconn.engine.service import Service as EngineService
from bulkconn.engine.tour import Tour
from bulkconn.engine.uses import UseLooker
from bulkconn.ledger.stored import StoredLedger
from tests.simulation.loop import VirtualClock
from tests.simulation.upkeep.service import UpkeepDoor
from tests.simulation.writer import VirtualWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bulkconn.core.dedupe import Double
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.record import LedgerRecord
    from tests.simulation.party import Ending, Machine
    from tests.simulation.upkeep.story import UpkeepStory

STATES: Final = frozenset({State.CREATED, State.HELD})


class UpkeepProcess:
    """One process, from its opening to its end. `is_complete` says that it did all that there was to do."""

    def __init__(self, story: UpkeepStory, run_id: str, ending: Ending, machine: Machine) -> None:
        self._story = story
        self._loop = loop = story.loop
        self._clock = VirtualClock(loop, boot=machine.boot, booted_at_s=machine.booted_at_s)
        self._writer = VirtualWriter(
            story.disk.open(), loop, machine.dice, latency_s=machine.latency_s, trace=machine.trace
        )
        self._ledger = StoredLedger(self._writer._store.info, self._writer, self._clock)
        self.door = UpkeepDoor(story.service, story.party)
        self.ending = ending
        self.settings = story.drawing.settings(story.party.client_id, Reopen(), has_marker=False)
        log: Any = story.log
        self._engine = Engine(
            RunId(run_id),
            self.settings,
            ledger=self._ledger,
            service=EngineService(self.door, self.door, upkeep=self.door),
            secrets=machine.secrets,
            world=World(self._clock, machine.dice, log, lambda _key, _id: None),
        )
        self._tour = Tour(self._engine.run)
        self.began_s = loop.now_s
        self.is_complete = False
        self.error: Exception | None = None
        self.ended_s: float | None = None
        #: What was told to stay as it is, by key.
        self.told: dict[str, str] = {}
        self._schedule(ending)

    async def work(self) -> bool:
        """Do what the command does, to its end or to an error that a user would see."""
        run = self._engine.run
        try:
            await getattr(self, f"_{self._story.command}")()
            self.is_complete = not run.stops.is_stopping and run.stops.reported is None
        except Exception as error:  # noqa: BLE001 - a defect, unless a user would see it as an error
            self.error = error
        self.ended_s = self._loop.now_s
        return True

    def end(self) -> None:
        """Take note that the process is gone, by itself or not."""
        self._writer.is_dead = True
        self._story.disk.end(is_killed=self.ended_s is None)

    def _schedule(self, ending: Ending) -> None:
        loop = self._loop
        if ending.disk is not None:
            self._story.disk.arm(ending.disk)
        if ending.interrupt_s is not None:
            loop.call_at(ending.interrupt_s, self._tour.interrupt)
        if ending.cut_s is not None:
            loop.call_at(ending.cut_s, self._tour.cut)
        if ending.freeze is not None:
            loop.call_at(ending.freeze[0], loop.freeze, ending.freeze[1])
        if ending.jump is not None:
            loop.call_at(ending.jump[0], self._clock.jump, ending.jump[1])

    async def _begin(self, settings: dict[str, object]) -> None:
        run = self._engine.run
        await self._ledger.begin_run(run.run_id, run.clock.now(), settings)

    async def _end(self, *, is_complete: bool) -> None:
        run = self._engine.run
        await self._ledger.end_run(run.run_id, run.clock.now(), {"is_complete": is_complete})

    # --- rollback ---------------------------------------------------------------------------------

    async def _rollback(self) -> None:
        run = self._engine.run
        choice = Choice(Pages(self._ledger.ask), STATES, None)
        chosen = await choice.choose(asks_for_doubts=True)
        await self._begin({"command": "rollback"})
        work = Rollback(run, Remover(run, Looker(run), self.door))

        async def jobs() -> AsyncIterator[tuple[LedgerRecord, Delete]]:
            async for record, decision in choice.decisions(chosen):
                if isinstance(decision, Delete):
                    yield record, decision

        await self._tour.visit(jobs(), work.roll_back)
        self.told = {row.key: row.why.value for row in (*chosen.spared, *work.done.kept_rows)}
        await self._end(is_complete=True)

    # --- rotate -----------------------------------------------------------------------------------

    async def _rotate(self) -> None:
        run, ledger = self._engine.run, self._ledger
        last = await ledger.last_run("rotate")
        round_id = round_of(last, run.run_id, run.clock.now(), {})
        await self._begin({"command": "rotate", "round": round_id})
        rotator = Rotator(run, Asker(run, Looker(run)), self.door, ledger, round_id=round_id)
        endpoints = self._story.rotated_endpoints

        async def rows() -> AsyncIterator[tuple[Endpoint, LedgerRecord]]:
            records = await ledger.records([one.key for one in endpoints])
            done = await ledger.rotated(round_id, [one.key for one in endpoints])
            for one in endpoints:
                record = records.get(one.key)
                is_right = judge_rotation(one, record, with_adopted=False).judgement is Judgement.ROTATE
                if is_right and record is not None and one.key not in done:
                    yield one, record

        await self._tour.visit(rows(), rotator.rotate)
        self.told = {text.split(":")[0]: code for code, text in rotator.examples.items()}
        await self._end(is_complete=not run.stops.is_stopping and run.stops.reported is None)

    # --- dedupe -----------------------------------------------------------------------------------

    async def _dedupe(self) -> None:
        run, ledger, looker = self._engine.run, self._ledger, Looker(self._engine.run)
        uses = UseLooker(run, looker, self.door)
        finder = DoubleFinder(run, looker, uses, ledger.info.ledger_id)
        wanted = {
            (line.sandbox, one.loose_name, one.connection_spec_id)
            for line in self._story.party.lines
            for one in (line.endpoint(),)
        }
        found: list[Double] = []
        async with serving(run):
            for sandbox in self._story.drawing.sandboxes:
                doubles = await finder.find(
                    sandbox,
                    lambda loose, spec_id, sandbox=sandbox: (sandbox, loose, spec_id) in wanted,  # type: ignore[misc]  # a default
                )
                found += doubles or []
                self.told |= {f"listing of {sandbox}": "not known"} if doubles is None else {}
        await self._begin({"command": "dedupe"})
        remover = Remover(run, looker, self.door)
        deduper = Deduper(run, looker, uses, remover, self.door)
        await self._tour.visit(
            _each([(one, [each for each in one.bearers if each.fate is Fate.SPARE]) for one in found]),
            deduper.dedupe,
        )
        held = [key for (key,) in self._story.disk.rows(_HELD)]
        if not run.stops.is_stopping:
            await Tour(run).visit(_each(held), lambda key: deduper.settle(key, found))
        for double in found:
            for one in double.bearers:
                if one.fate in {Fate.UNKNOWN, Fate.REFUSED}:
                    self.told[one.item.connection_id] = one.message
        await self._end(is_complete=True)


_HELD: Final = "SELECT key FROM rows WHERE state = 'held' AND connection_id IS NOT NULL ORDER BY key"


async def _each(items: Sequence[Any]) -> AsyncIterator[Any]:
    for one in items:
        yield one


def same_name(one: Any, other: Any) -> bool:
    """Tell whether two connections bear one name in one sandbox, under one spec."""
    return (one.sandbox, one.spec_id, loose_name(one.name)) == (
        other.sandbox,
        other.spec_id,
        loose_name(other.name),
    )
