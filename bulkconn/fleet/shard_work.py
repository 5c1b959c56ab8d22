"""One shard: hold it, read its part of the inventory, run the engine, say where it stands now."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from bulkconn.core.errors import (
    BulkconnError,
    InventoryChanged,
    LeaseLost,
    LedgerError,
    LedgerLocked,
    UsageError,
)
from bulkconn.core.names import LedgerId
from bulkconn.core.outcome import Scope as StopScope
from bulkconn.core.plan import OnExisting, Reopen
from bulkconn.core.source import PlatformCloud
from bulkconn.core.validation import RowDefaults, Validator
from bulkconn.engine.audience import Audience
from bulkconn.engine.existing import SharedNames
from bulkconn.engine.run import Engine
from bulkconn.engine.survey import Survey, survey_batch
from bulkconn.fleet.copies import drop_copies
from bulkconn.fleet.deeds import Deeds
from bulkconn.fleet.one_renewal import OneRenewal
from bulkconn.inventory.check import InventoryCheck
from bulkconn.inventory.slice_rows import InventorySlice, read_part
from bulkconn.inventory.slices import Slice
from bulkconn.ledger.leases import Scope
from bulkconn.ledger.paces import PaceKeeper
from bulkconn.ledger.postgres import Holder
from bulkconn.ledger.postgres_ledger import ShardLedger
from bulkconn.ledger.shards import OPEN, RunState, ShardNews, ShardState, mark_shard, read_shard
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from structlog.typing import FilteringBoundLogger

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.protocols import Clock, SecretResolver
    from bulkconn.core.record import Target
    from bulkconn.core.report import Report, Stop
    from bulkconn.core.settings import RunSettings
    from bulkconn.engine.context import World
    from bulkconn.engine.service import Service
    from bulkconn.fleet.shared_pace import SharedPacer
    from bulkconn.fleet.worker import WorkerSettings
    from bulkconn.inventory.network import Network
    from bulkconn.ledger.postgres import PostgresStore
    from bulkconn.ledger.postgres_url import PostgresPlace
    from bulkconn.ledger.shards import Shard
    from bulkconn.ledger.sql_store import SqlStore
    from bulkconn.ledger.writer import StoreThread
    from bulkconn.metrics.meters import Meters

#: Seconds until a shard is looked at again that another worker holds, or that broke.
_HELD_S: Final = 3.0
_BROKE_S: Final = 5.0
#: Seconds between two looks at whether a run was paused or cancelled.
_WATCH_S: Final = 2.0


class Again(Exception):
    """The shard is not finished: its job is to be called again in so many seconds."""

    def __init__(self, in_s: float) -> None:
        super().__init__(f"again in {in_s:g} s")
        self.in_s = in_s


class _Interrupted(Exception):
    """This worker is to end before the shard was begun."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a worker brings along for every shard."""

    target: Target
    settings: RunSettings
    service: Service
    pace: SharedPacer
    secrets: SecretResolver
    world: World
    request_timeout_s: float
    schemes: Collection[str]
    network: Network
    meters: Meters | None = None


class ShardWork:
    """Works on shards, several at a time if asked."""

    def __init__(
        self,
        place: PostgresPlace,
        reader: StoreThread,
        means: Means,
        settings: WorkerSettings,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._place = place
        self._reader = reader
        self._names = SharedNames()
        tokens = OneRenewal(means.service.tokens)
        service = dataclasses.replace(means.service, tokens=tokens, names=self._names)
        self._means = dataclasses.replace(means, service=service)
        self._settings = settings
        self._clock = clock
        self._log = log
        #: Those at work; of one shard two, where its lease was lost and taken anew by this very worker.
        self._engines: set[Engine] = set()
        self._ending = asyncio.Event()
        self._cancelled: set[int] = set()
        #: Why no shard can be worked on before somebody mends something.
        self.stopped: Stop | None = None
        self.done = 0
        self.deeds = Deeds()

    @property
    def is_busy(self) -> bool:
        """Tell whether a shard is worked on."""
        return bool(self._engines)

    def interrupt(self) -> None:
        """Let all engines drain."""
        self._ending.set()
        for engine in self._engines:
            engine.interrupt()

    def cut(self) -> None:
        """Cut what is in flight."""
        for engine in self._engines:
            engine.cut()

    async def on_shard(self, shard_id: int) -> None:
        """Work on a shard if it has work left.

        Raises:
            Again: it is to be looked at once more.
        """
        shard = await self._reader.call(lambda store: store.read(lambda db: read_shard(db, shard_id)))
        if shard is None or shard.state not in OPEN or shard.run_state is RunState.PAUSED:
            return
        if self._ending.is_set() or self.stopped is not None:
            raise Again(0.0)
        try:
            ledger = await self._hold(shard)
        except LedgerLocked:
            raise Again(_HELD_S) from None
        try:
            # With the lease in hand: from now on the fence tells whether the database forgot anything.
            session = await self._reader.call(_session)
            self._names.on_session(session, self._clock.elapsed_s())
            await self._work(shard, ledger)
        except LeaseLost as lost:
            self._log.warning("shard.lost", shard=shard.shard_no, run_id=shard.run_id, reason=str(lost))
            raise Again(_HELD_S) from None
        finally:
            await ledger.close()

    async def _hold(self, shard: Shard) -> ShardLedger:
        holder = Holder(
            self._settings.name,
            self._means.request_timeout_s,
            scope=Scope(f"shard {shard.shard_id}"),
            shard=shard.shard_id,
        )
        return await ShardLedger.open(
            self._place,
            self._means.target,
            holder,
            now=self._clock.now(),
            new_ledger_id=LedgerId("unused"),
            clock=self._clock,
        )

    async def _work(self, shard: Shard, ledger: ShardLedger) -> None:
        if shard.run_state is RunState.CANCELLED:
            await self._finish(shard, ledger, ShardState.CANCELLED, self._log.bind(run_id=shard.run_id))
            return
        if shard.tries >= self._settings.max_tries:
            why = f"{shard.tries} workers began it and none finished it"
            await self._mark(ledger, shard, ShardNews(ShardState.SET_ASIDE, why))
            return
        await self._mark(ledger, shard, ShardNews(ShardState.WORKING, tries=1))
        log = self._log.bind(run_id=shard.run_id, shard=shard.shard_no)
        log.info("shard.begun", rows=shard.rows, try_no=shard.tries + 1)
        try:
            report = await self._onboard(shard, ledger, log)
            self.deeds.add(shard.shard_id, report)
        except _Interrupted:
            await self._give_back(shard, ledger, log)
            raise Again(0.0) from None
        except InventoryChanged as changed:
            await self._mark(ledger, shard, ShardNews(ShardState.CHANGED, f"{changed}; fix: {changed.fix}"))
            log.warning("shard.changed", reason=str(changed))
            return
        except LedgerError:
            raise
        except BulkconnError as error:
            await self._broke(shard, ledger, f"{error}; fix: {error.fix}")
            return
        await self._conclude(shard, ledger, report, log)

    async def _onboard(self, shard: Shard, ledger: ShardLedger, log: FilteringBoundLogger) -> Report:
        means = self._means
        endpoints = await self._read(shard)
        paces = PaceKeeper(ledger)
        world = Audience.joined(dataclasses.replace(means.world, log=log), paces)
        settings = dataclasses.replace(means.settings, **_policy(shard.settings))
        survey = Survey()
        conflicts = await survey_batch(survey, ledger, endpoints, reopen=settings.reopen)
        if conflicts:
            endpoint, conflict = conflicts[0]
            raise UsageError(
                f"{endpoint.name} has its name already under another key of the ledger: {conflict.key}",
                fix="give the row that key, or rename it, and submit the inventory again",
            )
        with means.pace.of_run(shard.run_id) as pacer:
            service = dataclasses.replace(means.service, pacer=pacer)
            engine = Engine(
                *(shard.run_id, settings), ledger=ledger, service=service, secrets=means.secrets, world=world
            )
            self._engines.add(engine)
            watcher = asyncio.create_task(self._watch(shard, engine))
            if self._ending.is_set():
                engine.interrupt()
            try:
                return await engine.onboard(lambda: endpoints, survey)
            finally:
                watcher.cancel()
                await paces.close()
                self._engines.discard(engine)

    async def _read(self, shard: Shard) -> Sequence[Endpoint]:
        """Read a shard's rows, from wherever they lie.

        Raises:
            _Interrupted: this worker is to end, and the transfer was given up.
            InventoryChanged: its part of the inventory is not what was submitted.
            UsageError: it cannot be read here.
        """
        part = Slice.from_json(shard.part)
        reading = asyncio.create_task(read_part(part, self._means.network))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise _Interrupted
            return _checked(shard, part, reading.result(), self._means.schemes)
        finally:
            ending.cancel()
            reading.cancel()
            await asyncio.gather(reading, ending, return_exceptions=True)

    async def _watch(self, shard: Shard, engine: Engine) -> None:
        """Let the engine drain once its run is paused or cancelled."""
        while True:
            await asyncio.sleep(_WATCH_S)
            now = await self._reader.call(lambda store: store.read(lambda db: read_shard(db, shard.shard_id)))
            if now is None or now.run_state is not RunState.ACTIVE:
                if now is not None and now.run_state is RunState.CANCELLED:
                    self._cancelled.add(shard.shard_id)
                engine.interrupt()
                return

    async def _conclude(
        self, shard: Shard, ledger: ShardLedger, report: Report, log: FilteringBoundLogger
    ) -> None:
        """Say where the shard stands after the engine has ended."""
        stopped = report.stopped
        if stopped is not None and stopped.scope is StopScope.RUN:
            self.stopped = stopped
            await self._mark(ledger, shard, ShardNews(ShardState.QUEUED, stopped.reason, tries=-1))
            log.warning("shard.given_back", reason=stopped.reason, fix=stopped.fix)
            raise Again(0.0)
        is_unsent = report.counts["pending"] > report.left_behind
        if stopped is not None or (is_unsent and not self._was_interrupted(report)):
            why = stopped.reason if stopped is not None else "rows stay pending"
            await self._mark(ledger, shard, ShardNews(ShardState.SET_ASIDE, why))
            log.warning("shard.set_aside", reason=why)
            return
        if self._was_interrupted(report) and shard.shard_id in self._cancelled:
            await self._finish(shard, ledger, ShardState.CANCELLED, log)
            return
        if self._was_interrupted(report):
            await self._give_back(shard, ledger, log)
            if self._ending.is_set():
                raise Again(0.0)
            raise Again(_WATCH_S)
        await self._finish(shard, ledger, ShardState.DONE, log)
        self.done += 1
        log.info("shard.done", **report.this_run.as_json())

    async def _finish(
        self, shard: Shard, ledger: ShardLedger, state: ShardState, log: FilteringBoundLogger
    ) -> None:
        """Say that nothing is left to do for a shard; the last one takes the run's copies with it."""
        await self._mark(ledger, shard, ShardNews(state))
        await drop_copies(shard, self._reader, log)

    async def _give_back(self, shard: Shard, ledger: ShardLedger, log: FilteringBoundLogger) -> None:
        await self._mark(ledger, shard, ShardNews(ShardState.QUEUED, tries=-1))
        log.info("shard.given_back", reason="interrupted")

    @staticmethod
    def _was_interrupted(report: Report) -> bool:
        return report.exit_code in {130, 143}

    async def _broke(self, shard: Shard, ledger: ShardLedger, why: str) -> None:
        is_last = shard.tries + 1 >= self._settings.max_tries
        state = ShardState.SET_ASIDE if is_last else ShardState.QUEUED
        await self._mark(ledger, shard, ShardNews(state, why))
        self._log.warning("shard.broke", run_id=shard.run_id, shard=shard.shard_no, reason=why)
        if not is_last:
            raise Again(_BROKE_S)

    async def _mark(self, ledger: ShardLedger, shard: Shard, news: ShardNews) -> None:
        now = self._clock.now()
        await ledger.write(lambda db: mark_shard(db, shard.shard_id, news, now))


def _session(store: SqlStore) -> int:
    """Hear from the database, and give the number of the connection by which it answered."""
    store.read(lambda db: db.execute("SELECT 1").fetchone())
    return cast("PostgresStore", store).sessions


def _checked(shard: Shard, part: Slice, content: bytes, schemes: Collection[str]) -> Sequence[Endpoint]:
    """Give a shard's rows.

    Raises:
        UsageError: a row is invalid here, though it was valid where it was submitted.
    """
    settings = shard.settings
    cloud = settings.get("platform_cloud")
    defaults = RowDefaults(
        sandbox=settings.get("sandbox"), platform_cloud=PlatformCloud(cloud) if cloud else None
    )
    validator = Validator(ALL, defaults=defaults, schemes=schemes)
    check = InventoryCheck(InventorySlice(part, content), validator)
    endpoints = [endpoint for batch in check.first_pass() for endpoint in batch]
    if not check.is_valid:
        first = next(one for one in check.diagnostics if one.severity.value == "error")
        raise UsageError(
            f"{first.file}:{first.row}: {first.message}",
            fix="run workers of the version that submitted, with the same extras",
        )
    return endpoints


def _policy(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the submission says of all its rows.

    Raises:
        UsageError: a newer or older version submitted it.
    """
    try:
        return {
            "on_existing": OnExisting(settings["on_existing"]),
            "reopen": Reopen(failed=bool(settings["retry_failed"])),
            "has_marker": bool(settings["marker"]),
        }
    except (KeyError, ValueError) as error:
        raise UsageError(
            "the run was submitted with settings that this version does not know",
            fix="run workers of the version that submitted",
        ) from error
