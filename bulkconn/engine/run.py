"""A run, from its first look to its last: phases of one dispatcher over one queue.

1. glance: every doubt of the ledger is looked up once; most were created, and are claimed.
2. first sends: the inventory streams through.
3. resends: rows of the inventory that are still in doubt are settled and, if absent, sent again.
4. leftovers: doubts that no inventory holds any more, or that a retry passes over, are settled, never sent.
5. twins: names under which an attempt was ambiguous are looked up once more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.errors import BulkconnError, ExitCode
from bulkconn.core.facts import RunBegan
from bulkconn.core.lifecycle import State
from bulkconn.core.record import Move
from bulkconn.core.report import Report, Tally, run_exit_code, settle_exit_code
from bulkconn.core.trouble import OutageWatch, Patience, SameFaultWatch
from bulkconn.engine.attempt import Attempter
from bulkconn.engine.clearance import Clearance
from bulkconn.engine.context import RunContext, World
from bulkconn.engine.existing import ExistingNames
from bulkconn.engine.feed import Feeder
from bulkconn.engine.gate import Gate
from bulkconn.engine.lookup import Looker
from bulkconn.engine.outage import OutageGuard
from bulkconn.engine.rows import Row, Work, WorkQueue
from bulkconn.engine.settling import Settler
from bulkconn.engine.stops import Stops
from bulkconn.engine.survey import Survey
from bulkconn.engine.telling import ToldConnections, tell_nobody, telling
from bulkconn.engine.throttle import OwnPacer
from bulkconn.engine.twins import TwinWatch
from bulkconn.engine.waiting import wait_until_set

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import EndpointKey, RunId
    from bulkconn.core.protocols import Ledger, SecretResolver
    from bulkconn.core.settings import RunSettings
    from bulkconn.engine.service import Service

    Phase = Callable[[], Coroutine[None, None, None]]


class Engine:
    """One run over one ledger. Make a new one for each run."""

    def __init__(
        self,
        run_id: RunId,
        settings: RunSettings,
        *,
        ledger: Ledger,
        service: Service,
        secrets: SecretResolver,
        world: World,
    ) -> None:
        self.stops = Stops()
        patience = Patience(settings.patience.max_wait_s)
        pace = service.pacer or OwnPacer(settings.pace.rate_per_s)
        tell = telling(world.listener, world.clock, run_id)
        gate = Gate(pace, service.tokens, world, stops=self.stops, patience=patience, tell=tell)
        api = service.connections
        if world.listener is not None:
            api = ToldConnections(api, world.listener, world.clock, tell, self._row_at_work)
        self.run = RunContext(
            run_id=run_id,
            settings=settings,
            ledger=ledger,
            api=api,
            secrets=secrets,
            world=world,
            gate=gate,
            stops=self.stops,
            patience=patience,
            outage=OutageWatch(),
            same_fault=SameFaultWatch(),
            queue=WorkQueue(),
            tell=tell,
        )
        self._names = service.names
        self._error: BulkconnError | None = None
        self._defects: list[BaseException] = []
        self._attempter: Attempter | None = None
        #: Tasks at work, with the row that each works on.
        self._active: dict[asyncio.Task[None], Row | None] = {}
        self._survey = Survey()
        self._looker = Looker(self.run)
        self._settler = Settler(self.run, self._looker)
        self._outage = OutageGuard(self.run)

    def interrupt(self) -> None:
        """Take no more, finish what is in flight within the drain, then end (SIGINT, SIGTERM)."""
        self.stops.interrupt()
        self.run.queue.changed.set()

    def cut(self) -> None:
        """End now: cut what is in flight. Rows whose POST was on its way are in doubt, durably."""
        self.interrupt()
        self._cut_requests()

    @property
    def left_behind(self) -> int:
        """Pending rows that this run, a retry, passes over."""
        return self._survey.left_behind

    @property
    def in_flight(self) -> int:
        """Rows and lookups that are worked on at this moment."""
        return len(self._active)

    async def onboard(self, endpoints: Callable[[], Iterable[Endpoint]], survey: Survey) -> Report:
        """Create every base connection of the inventory, exactly once.

        `endpoints` gives the valid rows afresh at each call; `survey` is the first pass over the same.

        Raises:
            LedgerError: the ledger could not be written; nothing was sent that it does not know.
            InventoryChanged: the inventory is not what was checked; what was sent is in the ledger.
        """
        self._survey = survey
        self.run.tally = survey.tally
        self.run.doubtful = survey.doubtful
        self.run.edited = survey.edited
        self.run.this_run.skipped = survey.skipped
        settings = self.run.settings
        began_s = self.run.clock.elapsed_s()
        await self.run.ledger.begin_run(self.run.run_id, self.run.clock.now(), settings.as_recorded())
        await self._tell_began("run", survey.tally)
        await self._phases(self._onboarding(endpoints))
        await self._put_back_if_alike()
        return await self._report(began_s, self.run.tally, run_exit_code)

    async def settle(self) -> Report:
        """Look up every row in doubt, and every name that may still get a late twin. Nothing is sent."""
        began_s = self.run.clock.elapsed_s()
        await self.run.ledger.begin_run(
            self.run.run_id, self.run.clock.now(), {**self.run.settings.as_recorded(), "command": "settle"}
        )
        await self._tell_began("settle", None)
        await self._phases(self._settling())
        summary = await self.run.ledger.summary()
        tally = Tally({state.value: rows for state, rows in summary.counts.items()})
        return await self._report(began_s, tally, settle_exit_code)

    async def _tell_began(self, command: str, tally: Tally | None) -> None:
        if self.run.tell is tell_nobody:
            return
        ceiling = self.run.gate.pace.ceiling_per_s
        if tally is None:
            in_doubt = (await self.run.ledger.summary()).counts.get(State.IN_DOUBT, 0)
            began = RunBegan(command, None, None, in_doubt, ceiling)
        else:
            counts = tally.counts
            to_send = counts["pending"] - self.left_behind
            began = RunBegan(command, tally.rows, to_send, counts["in_doubt"], ceiling)
        self.run.tell(began)
        self.run.gate.news.on_pace(self.run.gate.closed_for_s)

    def _row_at_work(self) -> EndpointKey | None:
        task = asyncio.current_task()
        row = None if task is None else self._active.get(task)
        return None if row is None else row.key

    # --- phases ---------------------------------------------------------------------------------

    async def _phases(self, phases: Coroutine[None, None, None]) -> None:
        gate = asyncio.create_task(self.run.gate.serve())
        gate.add_done_callback(self._note_defect)
        watcher = asyncio.create_task(self._wake_on_stop())
        try:
            await phases
        finally:
            await self._drain()
            await self._outage.close()
            for task in (gate, watcher):
                task.cancel()
            await asyncio.gather(gate, watcher, return_exceptions=True)
        if self._error is not None:
            raise self._error

    async def _onboarding(self, endpoints: Callable[[], Iterable[Endpoint]]) -> None:
        existing = ExistingNames(self.run, self._looker, self._survey.to_send, self._names)
        clearance = Clearance(self.run, existing=existing, looker=self._looker, settler=self._settler)
        attempter = Attempter(self.run, clearance=clearance, settler=self._settler, outage=self._outage)
        self._attempter = attempter
        feeder = Feeder(self.run, self._settler)
        # A finished inventory is not read a second time. A doubt may turn out to be absent, and is sent then.
        is_unfinished = bool(self._survey.to_send or self._survey.to_settle)
        to_send: Callable[[], Iterable[Endpoint]] = endpoints if is_unfinished else tuple
        try:
            await self._one_after_another(
                lambda: self._work(
                    feeder, lambda: feeder.feed_ledger_doubts(self._is_counted, glance_only=True)
                ),
                lambda: self._work(feeder, lambda: feeder.feed_first_sends(to_send)),
                lambda: self._work(feeder, lambda: feeder.feed_doubts(endpoints)),
                lambda: self._work(feeder, lambda: feeder.feed_ledger_doubts(self._is_counted)),
                self._look_for_twins,
            )
        finally:
            await existing.close()

    async def _settling(self) -> None:
        feeder = Feeder(self.run, self._settler)
        await self._one_after_another(
            lambda: self._work(feeder, lambda: feeder.feed_ledger_doubts(lambda _: False)),
            self._look_for_twins,
        )

    async def _one_after_another(self, *phases: Phase) -> None:
        for phase in phases:
            if self.stops.is_stopping:
                return
            await phase()

    async def _look_for_twins(self) -> None:
        watch = TwinWatch(self.run, self._looker, self._is_counted)
        task = asyncio.create_task(self._guarded(watch.look))
        self._active[task] = None
        task.add_done_callback(self._on_task_end)
        await self._until_done_or_stopped(task)

    def _is_counted(self, key: EndpointKey) -> bool:
        return key in self.run.doubtful

    async def _work(self, feeder: Feeder, feeding: Phase) -> None:
        """Dispatch until the feeder has no more and everything it queued is done, or the run stops."""
        run = self.run
        feed = asyncio.create_task(self._guarded(feeding))
        feed.add_done_callback(lambda _: run.queue.changed.set())
        try:
            while not self.stops.is_stopping:
                run.queue.changed.clear()
                if len(self._active) < run.settings.pace.concurrency:
                    job = run.queue.take(run.clock.elapsed_s())
                    if job is not None:
                        feeder.on_taken()
                        self._start(*job)
                        continue
                    if feed.done() and not self._active and not run.queue.waiting and not run.queue.ready:
                        break
                await self._wait_for_change()
        finally:
            feeder.on_taken()
            if self.stops.is_interrupted or self._error is not None:
                feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
            if self.stops.is_stopping:
                run.queue.drop_all()
        if feed.cancelled():
            return
        error = feed.exception()
        if error is not None:
            raise error

    async def _wait_for_change(self) -> None:
        run = self.run
        due_s = run.queue.next_due_s
        is_full = len(self._active) >= run.settings.pace.concurrency
        timeout_s = None if due_s is None or is_full else max(0.0, due_s - run.clock.elapsed_s())
        await wait_until_set(run.queue.changed, timeout_s)

    def _start(self, work: Work, row: Row) -> None:
        act = self._settler.look if work is Work.LOOK or self._attempter is None else self._attempter.send
        task = asyncio.create_task(self._guarded(lambda: act(row)))
        self._active[task] = row
        task.add_done_callback(self._on_task_end)

    async def _guarded(self, work: Phase) -> None:
        """Let a whole command's trouble stop the run, not tear its siblings out of their POSTs."""
        try:
            await work()
        except BulkconnError as error:
            self._error = self._error or error
            self.stops.halt()

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        self._active.pop(task, None)
        self.run.queue.changed.set()
        self._note_defect(task)

    def _note_defect(self, task: asyncio.Task[None]) -> None:
        """Keep an exception that is a defect of ours: nothing more is sent, and it is raised at the end."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.stops.halt()
            self._defects.append(error)

    async def _wake_on_stop(self) -> None:
        await self.stops.wait()
        self.run.gate.on_stop()
        if self._attempter is not None:
            self._attempter.requests.leave()
        self.run.queue.changed.set()

    async def _until_done_or_stopped(self, task: asyncio.Task[None]) -> None:
        while not task.done() and not self.stops.is_stopping:
            self.run.queue.changed.clear()
            await self._wait_for_change()

    # --- the end --------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Let what is in flight finish within the drain, then cut the POSTs: their rows are in doubt."""
        if self._active and self.stops.is_stopping:
            self.run.log.info("run.draining", in_flight=len(self._active), drain_s=self._drain_s)
            await asyncio.wait(self._active, timeout=self._drain_s)
            self._cut_requests()
        if self._active:
            await asyncio.wait(self._active)
        if self._defects:
            raise self._defects[0]

    def _cut_requests(self) -> None:
        for task in (*self._looker.asking, *(self._attempter.posting if self._attempter else ())):
            task.cancel()

    async def _put_back_if_alike(self) -> None:
        """Put rows back to pending that failed for everybody's fault."""
        run = self.run
        if not run.same_fault.is_tripped or self._attempter is None:
            return
        now, reason = run.clock.now(), self.stops.reported.reason if self.stops.reported else None
        back = [
            (
                row,
                Move(
                    *(row.key, State.PENDING, now, run.run_id),
                    error_code="same_fault",
                    error_message=reason,
                ),
            )
            for row in self._attempter.failed_alike
            if row.state is State.FAILED
        ]
        # One commit: a second signal must not wait for a slow disk once a row.
        await run.ledger.commit([move for _, move in back])
        for row, move in back:
            run.follow(row, State.PENDING)
            run.tell_moved(row, move, State.FAILED)

    async def _report(self, began_s: float, tally: Tally, exit_code_of: Callable[..., ExitCode]) -> Report:
        run = self.run
        counts = tally.counts
        stopped = self.stops.reported
        if self.stops.is_interrupted:
            exit_code = ExitCode.INTERRUPTED
        else:
            exit_code = exit_code_of(counts, stopped=stopped)
        summary = await run.ledger.summary()
        report = Report(
            run_id=run.run_id,
            ledger=None,
            counts=counts,
            this_run=run.this_run,
            duration_s=run.clock.elapsed_s() - began_s,
            exit_code=exit_code,
            stopped=stopped,
            groups=summary.groups,
            left_behind=self._still_behind(counts["pending"]),
        )
        await run.ledger.end_run(run.run_id, run.clock.now(), report.as_json())
        return report

    def _still_behind(self, pending: int) -> int:
        """Count the rows that stay pending because a retry passes over them."""
        if not self.run.settings.reopen.failed:
            return 0
        if self.stops.reported is None and not self.stops.is_interrupted:
            # A retry that came to its end left no row of its own: also doubts that are none now stay behind.
            return pending
        return min(pending, self.left_behind)

    @property
    def _drain_s(self) -> float:
        return self.run.settings.patience.drain_s
