"""The ledger's thread on virtual time: while it waits for the database, everybody else goes on."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import psycopg

from bulkconn.core.errors import LedgerError
from bulkconn.fleet import run_pacer, shard_work, shared_pace
from bulkconn.ledger import postgres, postgres_ledger
from bulkconn.ledger.writer import _GROUP_LIMIT
from tests.simulation.fleet.server import AsyncConnection, Connection
from tests.simulation.loop import VirtualClock, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.record import Change
    from bulkconn.ledger.shards import Shard
    from bulkconn.ledger.sql_store import SqlStore
    from tests.simulation.fleet.hub import Hub
    from tests.simulation.fleet.server import Link
    from tests.simulation.fleet.worker import WorkerProcess

T = TypeVar("T")


class _Gone(BaseException):
    """The process was killed while its ledger's thread slept."""


class _Sleeper:
    """Work that may sleep: in a thread of the machine, which runs only while everything else waits for it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._is_gone = False
        self._error: BaseException | None = None
        self._result: Any = None
        #: For how long it sleeps now; None once it is done.
        self.sleeps_s: float | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    def _main(self) -> None:
        self._go.acquire()
        try:
            if not self._is_gone:
                self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever goes on
            self._error = error
        self.sleeps_s = None
        self._back.release()

    def go_on(self) -> Any:
        """Let it work until it sleeps or is done; give what came of it."""
        self._go.release()
        self._back.acquire()
        if self.sleeps_s is not None:
            return None
        self._thread.join()
        if self._error is not None and not self._is_gone:
            raise self._error
        return self._result

    def sleep(self, seconds: float) -> None:
        """Sleep: called in the thread."""
        self.sleeps_s = seconds
        self._back.release()
        self._go.acquire()
        if self._is_gone:
            raise _Gone

    def end(self) -> None:
        """The process is gone."""
        self._is_gone = True
        self.go_on()


class _Job(NamedTuple):
    """Commits of several callers, or other work of one; who waits for it."""

    changes: list[Sequence[Change]] | None
    work: Callable[[], Any] | None
    waiters: list[asyncio.Future[Any]]


class WorkerClock(VirtualClock):
    """The clocks of a worker; its ledger's thread reads them first before its question is on its way."""

    asked_s: float | None = None

    def elapsed_s(self) -> float:
        """Give seconds since the boot."""
        now_s = super().elapsed_s()
        if self.asked_s is not None:
            now_s, self.asked_s = self.asked_s, None
        return now_s


class VirtualThread:
    """A `ledger.writer.StoreThread` whose work takes virtual time, before and after what it does."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = process
        self._loop = process.seat
        self._store: SqlStore | None = None
        self._queue: deque[_Job] = deque()
        self._is_busy = False
        self._is_closed = False
        #: The job at work, where it may sleep.
        self._sleeper: _Sleeper | None = None

    @classmethod
    async def start(cls, open_store: Callable[[], SqlStore]) -> VirtualThread:
        """Open the store; raises what `open_store` raises."""
        seat: Any = asyncio.get_running_loop()
        self = cls(seat.process)
        self._store = await self._enqueue(None, open_store)
        return self

    @property
    def link(self) -> Link:
        """Give the way to the server."""
        return self._process.link

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write one caller's changes, grouped with whatever else is waiting."""
        self._check_open()
        last = self._queue[-1] if self._queue else None
        if last is not None and last.changes is not None and len(last.changes) < _GROUP_LIMIT:
            waiter = self._loop.create_future()
            last.changes.append(changes)
            last.waiters.append(waiter)
            await waiter
            return
        await self._enqueue([changes], None)

    async def call(self, work: Callable[[Any], T]) -> T:
        """Run other work on the store, after all commits that were asked for before."""
        self._check_open()
        result: T = await self._enqueue(None, lambda: work(self._store))
        return result

    async def close(self) -> None:
        """Finish what was asked for, then close the store. Repeat: safe."""
        if self._process.seat.is_dead:
            return
        if self._is_closed or self._store is None:
            return
        self._is_closed = True
        await self._enqueue(None, self._store.close)

    def _check_open(self) -> None:
        if self._is_closed or self._process.seat.is_dead:
            raise LedgerError("the ledger is closed", fix="none")

    async def _enqueue(self, changes: list[Sequence[Change]] | None, work: Callable[[], Any] | None) -> Any:
        waiter = self._loop.create_future()
        self._queue.append(_Job(changes, work, [waiter]))
        self._kick()
        return await waiter

    def _kick(self) -> None:
        if not self._is_busy and self._queue:
            self._is_busy = True
            job = self._queue.popleft()
            asked_s = self._process.clock.elapsed_s()
            self._loop.call_later(self._process.network_s(), self._begin, job, asked_s)

    def _begin(self, job: _Job, asked_s: float) -> None:
        """Begin a job; only where the network may fail it is a thread worth its price."""
        link, clock = self._process.link, self._process.clock
        link.draw()
        if not link.is_troubled:
            clock.asked_s = asked_s
            self._process.hub.current = self
            try:
                news = self._done(job)
            finally:
                clock.asked_s = None
            self._loop.call_later(self._process.network_s(), self._tell, job, news)
            return
        self._sleeper = _Sleeper(lambda: self._done(job))
        self._process.sleepers.add(self._sleeper)
        self._go_on(job, asked_s)

    def _go_on(self, job: _Job, asked_s: float) -> None:
        sleeper, process = self._sleeper, self._process
        if sleeper is None:
            raise AssertionError("nothing is at work")
        process.hub.current, process.clock.asked_s = self, asked_s
        try:
            news = sleeper.go_on()
        finally:
            process.clock.asked_s = None
            if sleeper.sleeps_s is None:
                process.sleepers.discard(sleeper)
        if sleeper.sleeps_s is not None:
            self._loop.call_later(sleeper.sleeps_s, lambda: self._go_on(job, process.clock.elapsed_s()))
            return
        self._sleeper = None
        self._loop.call_later(process.network_s(), self._tell, job, news)

    def sleep(self, seconds: float) -> None:
        """Let the ledger's thread sleep, and as much longer as a try hangs that finds no way."""
        if self._sleeper is None:
            raise AssertionError("nothing can have failed")
        link = self._process.link
        self._sleeper.sleep(seconds + link.hang_s * link.is_cut)

    def _done(self, job: _Job) -> list[tuple[Any, Exception | None]]:
        try:
            if job.work is not None:
                return [(job.work(), None)]
            store = cast("SqlStore", self._store)
            return [(None, verdict) for verdict in store.apply(job.changes or [])]
        except Exception as error:  # noqa: BLE001 - it belongs to the callers
            return [(None, error)] * len(job.waiters)

    def _tell(self, job: _Job, news: list[tuple[Any, Exception | None]]) -> None:
        self._is_busy = False
        self._kick()
        for waiter, (value, error) in zip(job.waiters, news, strict=True):
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(value)
            else:
                waiter.set_exception(error)


class _StoreTime:
    """Stands in for the module `time` in the store: it blocks its own thread only."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.monotonic = hub.time

    def sleep(self, seconds: float) -> None:
        """Let the thread at work wait."""
        if self._hub.current is None:
            raise AssertionError("no thread is at work")
        self._hub.current.sleep(seconds)


class _PaceTime:
    """Stands in for the module `time` in the shared pace."""

    def __init__(self, hub: Hub) -> None:
        self.monotonic = hub.time


class _Psycopg:
    """Stands in for the module `psycopg` in the shared pace."""

    def __init__(self) -> None:
        self.Error = psycopg.Error
        self.errors = psycopg.errors
        self.AsyncConnection = self

    async def connect(self, **_: Any) -> AsyncConnection:
        """Connect, if there is a way."""
        seat: Any = asyncio.get_running_loop()
        link = seat.process.link
        if link.is_cut:
            await asyncio.sleep(link.hang_s)
            raise link.fail()
        return AsyncConnection(link)


@contextmanager
def _never_broken_off(_connection: object, _seconds: float | None) -> Iterator[None]:
    """Stand in for the watch over a silent server: its timer would be a thread for each statement."""
    yield


@contextmanager
def virtual_database(hub: Hub, read: Callable[[Shard], Sequence[Endpoint]]) -> Iterator[None]:
    """Let stores, paces and shards meet the simulated server, threads and inventory."""

    def connect(_place: object) -> Connection:
        if hub.current is None:
            raise AssertionError("no thread is at work")
        connection = Connection(hub.current.link)
        connection.execute("SELECT 1")
        return connection

    async def read_shard(_work: shard_work.ShardWork, shard: Shard) -> Sequence[Endpoint]:
        await asyncio.sleep(0.0)
        return read(shard)

    patches = [
        (postgres, "connect", connect),
        (postgres, "time", _StoreTime(hub)),
        (postgres, "broken_off_after", _never_broken_off),
        (postgres_ledger, "StoreThread", VirtualThread),
        (shared_pace, "time", _PaceTime(hub)),
        (run_pacer, "time", _PaceTime(hub)),
        (shared_pace, "psycopg", _Psycopg()),
        (shard_work.ShardWork, "_read", read_shard),
    ]
    with replaced(patches):
        yield
