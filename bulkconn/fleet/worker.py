"""A worker: takes shards from the queue, runs the engine over each, and says where it stands.

The queue may hand a shard out twice, or never again; the ledger decides. Whoever holds a shard's lease works
on it, whoever loses the lease is refused at its next write.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import procrastinate
import procrastinate.worker
import psycopg
from procrastinate import retry

from bulkconn.core.errors import ExitCode
from bulkconn.fleet.deeds import Deeds
from bulkconn.fleet.queue import (
    HEARTBEAT_S,
    WORK_SHARD,
    defer_orphans,
    explain_queue,
    make_app,
    take_from_the_dead,
)
from bulkconn.fleet.shard_work import Again, ShardWork
from bulkconn.ledger.load import read_load
from bulkconn.ledger.postgres import PostgresStore
from bulkconn.ledger.shards import count_open
from bulkconn.ledger.writer import StoreThread

if TYPE_CHECKING:
    from collections.abc import Collection

    from procrastinate.app import WorkerOptions
    from structlog.typing import FilteringBoundLogger

    from bulkconn.core.protocols import Clock
    from bulkconn.core.report import Stop
    from bulkconn.fleet.shard_work import Means
    from bulkconn.ledger.postgres_url import PostgresPlace

#: Seconds between two looks at dead workers and lost jobs, and at whether anything is left to do.
_SWEEP_S: Final = 5.0
_IDLE_S: Final = 1.0
#: Seconds for which a queue that cannot be reached is tried again before the worker ends.
_PATIENCE_S: Final = 120.0
#: Seconds without an answer after which a connection to the database is made anew.
_ANSWER_S: Final = 30.0
_POLL_S: Final = 1.0
#: Seconds after which a task that was cancelled is cancelled once more.
_LOST_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker works: `concurrency` shards at a time, each with at most `max_tries` tries."""

    name: str
    queues: tuple[str, ...]
    concurrency: int
    max_tries: int
    exit_when_idle: bool


class _RetryAgain(retry.BaseRetryStrategy):
    """Queue a job again when its work says so; anything else is not raised."""

    def get_retry_decision(
        self,
        *,
        exception: BaseException,
        job: procrastinate.jobs.Job,  # noqa: ARG002 - procrastinate's signature
    ) -> retry.RetryDecision | None:
        """Give the time of the next call."""
        if not isinstance(exception, Again):
            return None
        return retry.RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=exception.in_s))


class Worker:
    """Works until it is told to stop, or until nothing is left to do."""

    def __init__(
        self,
        place: PostgresPlace,
        settings: WorkerSettings,
        means: Means,
        *,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._place = place
        self._settings = settings
        self._means = means
        self._clock = clock
        self._log = log
        self._stop = asyncio.Event()
        self._work: ShardWork | None = None
        self.stopped: Stop | None = None
        self.shards_done = 0
        self.deeds = Deeds()

    def interrupt(self) -> None:
        """Take no more shards, let what is in flight finish within the drain, give the rest back."""
        self._stop.set()
        if self._work is not None:
            self._work.interrupt()

    def cut(self) -> None:
        """End at once: rows whose POST was on its way are in doubt, durably."""
        self.interrupt()
        if self._work is not None:
            self._work.cut()

    async def run(self) -> ExitCode:
        """Work; gives 0 when it was told to stop or nothing is left, 4 when something must be mended first.

        Raises:
            UsageError: there is no ledger at that place.
            LedgerError: the database cannot be reached any more.
        """
        thread = await StoreThread.start(self._open)
        try:
            self._work = ShardWork(self._place, thread, self._means, self._settings, self._clock, self._log)
            self.deeds = self._work.deeds
            await self._serve(thread, self._work)
        finally:
            await thread.close()
        self.stopped = self._work.stopped
        self.shards_done = self._work.done
        return ExitCode.OK if self.stopped is None else ExitCode.STOPPED

    def _open(self) -> PostgresStore:
        store = PostgresStore(self._place, elapsed_s=self._clock.elapsed_s, answer_s=_ANSWER_S)
        try:
            store.attach()
        except BaseException:
            store.close()
            raise
        return store

    async def _serve(self, thread: StoreThread, work: ShardWork) -> None:
        """Keep the queue's worker running: it ends by itself when its connection breaks."""
        failing_since_s: float | None = None
        while not self._stop.is_set():
            began_s = self._clock.elapsed_s()
            try:
                await self._serve_once(thread, work)
            except (procrastinate.exceptions.ConnectorException, psycopg.Error, OSError) as error:
                now_s = self._clock.elapsed_s()
                if failing_since_s is None or now_s - began_s > _PATIENCE_S / 2:
                    failing_since_s = now_s
                if now_s - failing_since_s > _PATIENCE_S:
                    raise explain_queue(error) from error
                self._log.warning("queue.lost", error=type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), 1.0)

    async def _serve_once(self, thread: StoreThread, work: ShardWork) -> None:
        app = make_app(self._place, connections=self._settings.concurrency + 3)

        @app.task(name=WORK_SHARD, retry=_RetryAgain())
        async def work_shard(shard: int) -> None:
            try:
                await work.on_shard(shard)
            finally:
                if work.stopped is not None:
                    self._stop.set()

        async with app.open_async():
            options: WorkerOptions = {
                "name": self._settings.name,
                "concurrency": self._settings.concurrency,
                "fetch_job_polling_interval": _POLL_S,
                "update_heartbeat_interval": HEARTBEAT_S,
                "install_signal_handlers": False,
                "delete_jobs": "successful",
            }
            if self._settings.queues:
                # A tuple would become a composite value, no array.
                options["queues"] = list(self._settings.queues)
            taker = procrastinate.worker.Worker(app, **options)
            queue = asyncio.create_task(taker.run())  # type: ignore[no-untyped-call]  # annotated in part
            sweeping = asyncio.create_task(self._sweep(app, thread))
            stopping = asyncio.create_task(self._stop.wait())
            idling = asyncio.create_task(self._watch_for_idleness(thread, work))
            try:
                await asyncio.wait({queue, sweeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Once only, lest it cut what is in flight: whoever loses that heeds the word.
                taker.stop()  # type: ignore[no-untyped-call]  # likewise
                queue.cancel()
                await _cancel(sweeping, stopping, idling)
                found = await asyncio.gather(queue, sweeping, stopping, idling, return_exceptions=True)
        for error in found:
            if isinstance(error, Exception):
                raise error
        if not self._stop.is_set():
            raise OSError("the queue's worker ended")

    async def _sweep(self, app: procrastinate.App, thread: StoreThread) -> None:
        # Never opened: it queues jobs within the ledger's own transaction, which is not asynchronous.
        within = make_app(self._place, connections=1)
        while True:
            # Past it the queue's connections are made anew: its own worker may wait for an answer for ever.
            async with asyncio.timeout(_ANSWER_S):
                taken = await take_from_the_dead(app)
            orphans = await thread.call(
                lambda store: cast("PostgresStore", store).transact(lambda db: defer_orphans(within, db))
            )
            if taken or orphans:
                self._log.info("queue.swept", taken=taken, orphans=orphans)
            if self._means.meters is not None:
                load = await thread.call(
                    lambda store: store.read(lambda db: read_load(db, self._settings.name))
                )
                self._means.meters.on_load(load.shards, load.in_doubt, load.lease_age_s)
            await asyncio.sleep(_SWEEP_S)

    async def _watch_for_idleness(self, thread: StoreThread, work: ShardWork) -> None:
        while self._settings.exit_when_idle:
            left = await thread.call(
                lambda store: store.read(lambda db: count_open(db, self._settings.queues))
            )
            if not left and not work.is_busy:
                self._stop.set()
                return
            await asyncio.sleep(_IDLE_S)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they are done.

    One that comes together with the end of a wait for a connection is lost: `wait_for` of CPython 3.11, which
    psycopg's pool awaits, then gives the connection and says nothing.
    """
    left: Collection[asyncio.Task[Any]] = tasks
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_LOST_S)
