"""A virtual machine for the engine: time that costs nothing, a disk of one's own, and sudden ends."""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncio_throttle.throttler as their_throttler

from bulkconn.core.errors import LedgerError
from bulkconn.core.record import Target
from bulkconn.engine import throttle as our_throttler
from bulkconn.ledger.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
    from random import Random

    from bulkconn.core.record import Change

T = TypeVar("T")

TARGET: Final = Target("https://flow.example.com", "ORG@AdobeOrg")
LEDGER_ID: Final = "simledger"
#: Work takes time too: without it a timeout lost to rounding would come at once, for ever.
_STEP_S: Final = 1e-7
_EPOCH: Final = datetime(2026, 3, 1, tzinfo=UTC)


class Stuck(Exception):
    """A run that should have ended did not."""


class _Handle:
    """A callback that waits for its turn; asyncio's own costs twice as much."""

    __slots__ = ("args", "callback", "when_s")

    def __init__(self, callback: Any, args: tuple[Any, ...], when_s: float = 0.0) -> None:
        self.callback = callback
        self.args = args
        self.when_s = when_s

    def cancel(self) -> None:
        """Never call back."""
        self.callback = None

    def cancelled(self) -> bool:
        """Tell whether it was cancelled."""
        return self.callback is None

    def when(self) -> float:
        """Say when it is due."""
        return self.when_s


class VirtualLoop(asyncio.AbstractEventLoop):
    """An event loop whose clock jumps to the next timer as soon as nobody has anything to do.

    Contexts are not kept apart: nothing that runs here has context variables.
    """

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.steps = 0
        self.errors: list[str] = []
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._order = count()
        self._tasks: list[asyncio.Task[Any]] = []
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]  # one frame less for each

    def time(self) -> float:
        """Give the virtual time in seconds."""
        return self.now_s

    #: Says that nothing is debugged; every future asks, and this answers without a frame of its own.
    get_debug = staticmethod(bool)

    def is_running(self) -> bool:
        """Say that it runs: nobody asks while it does not."""
        return True

    def is_closed(self) -> bool:
        """Say that it is never closed."""
        return False

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back at this very moment, after what is ready already."""
        handle = _Handle(callback, args)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back after some virtual seconds."""
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back at a virtual time."""
        handle = _Handle(callback, args, when)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def create_task(self, coro: Any, **_: Any) -> asyncio.Task[Any]:
        """Make a task that a crash can find."""
        task = asyncio.Task(coro, loop=self)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught: it is a defect."""
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {error!r}")

    def run(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        until_step: int | None = None,
        until_s: float | None = None,
        bound_s: float,
        bound_steps: int = 400_000,
    ) -> T | None:
        """Run a coroutine to its end; None if the process was killed at a step or a time.

        Raises:
            Stuck: it did not end within the bounds.
        """
        deadline = self.now_s + bound_s
        last = self.steps + (bound_steps if until_step is None else until_step)
        asyncio._set_running_loop(self)
        try:
            main = self.create_task(coro)
            ready, is_done = self._ready, main.done
            while not is_done():
                if not ready and not self._advance(until_s, deadline):
                    return None
                handle = ready.popleft()
                if handle.callback is None:
                    continue
                self.steps += 1
                self.now_s += _STEP_S
                handle.callback(*handle.args)
                if self.steps >= last and not is_done():
                    if until_step is None:
                        raise Stuck(f"not ended after {bound_steps} steps")
                    return None
            result: T = main.result()
            return result
        finally:
            self._abandon()
            asyncio._set_running_loop(None)

    def _advance(self, until_s: float | None, deadline_s: float) -> bool:
        """Go to the next timer; False if the process is killed before."""
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if not timers:
            raise Stuck(f"nothing will ever happen again at {self.now_s:.3f}")
        if until_s is not None and timers[0][0] > until_s:
            self.now_s = max(self.now_s, until_s)
            return False
        self.now_s = max(self.now_s, timers[0][0])
        if self.now_s > deadline_s:
            raise Stuck("not ended within the bound of virtual seconds")
        while timers and timers[0][0] <= self.now_s:
            self._ready.append(heapq.heappop(timers)[2])
        return True

    def freeze(self, seconds: float) -> None:
        """Let time pass while nobody may act, as after SIGSTOP."""
        self.now_s += seconds

    def _abandon(self) -> None:
        """Forget every task as a killed process does: what they would do next has no effect."""
        for task in self._tasks:
            if task.done():
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch for this
            coro: Any = task.get_coro()
            while coro.cr_frame is not None:
                with suppress(BaseException):
                    coro.close()
        self._tasks.clear()
        self._ready.clear()
        self._timers.clear()


class _Timer:
    """Stands in for the module `time` in the throttle."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time


@contextmanager
def virtual_time(loop: VirtualLoop) -> Iterator[None]:
    """Let the throttle, which asks the machine for the time, ask the loop instead."""
    timer = _Timer(loop)
    with replaced([(their_throttler, "time", timer), (our_throttler, "time", timer)]):
        yield


@contextmanager
def replaced(attributes: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """Replace (owner, name, value) for a while; a hundredth of what mock.patch costs."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in attributes]
    try:
        for owner, name, value in attributes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)


class VirtualClock:
    """The clocks of one process: wall time with skew and jumps, and seconds since a boot."""

    def __init__(self, loop: VirtualLoop, *, boot: int, booted_at_s: float) -> None:
        self._loop = loop
        self._booted_at_s = booted_at_s
        self.clock_id = f"boot-{boot}"
        self.skew_s = 0.0

    def now(self) -> datetime:
        """Give the wall clock, right or wrong."""
        return _EPOCH + timedelta(seconds=self._loop.now_s + self.skew_s)

    def elapsed_s(self) -> float:
        """Give seconds since the boot."""
        return self._loop.now_s - self._booted_at_s


class _Connection(sqlite3.Connection):
    """A connection whose `execute` can be replaced (one of C has no place for that)."""


class Disk:
    """What survives a process: the ledger's committed state."""

    _empty: bytes | None = None

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, factory=_Connection)
        if Disk._empty is None:
            SqliteStore(self.connection).prepare(TARGET, new_ledger_id=LEDGER_ID, now=_EPOCH)  # type: ignore[arg-type]  # a NewType of str
            Disk._empty = self.connection.serialize()
        else:
            self.connection.deserialize(Disk._empty)

    def open(self) -> SqliteStore:
        """Open the ledger as a new process does."""
        self.connection.__dict__.pop("execute", None)
        store = SqliteStore(self.connection)
        store.attach()
        return store

    def fail_commit(self, number: int, *, is_done_all_the_same: bool) -> None:
        """Let the process's nth COMMIT fail: before it reached the disk, or (worse) after."""
        execute = self.connection.execute
        commits = count()

        def execute_or_fail(sql: str, *args: Any) -> sqlite3.Cursor:
            if sql != "COMMIT" or next(commits) != number:
                return execute(sql, *args)
            if is_done_all_the_same:
                execute(sql)
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        self.connection.__dict__["execute"] = execute_or_fail

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read what is committed."""
        return self.connection.execute(sql, values).fetchall()


@dataclass(slots=True, eq=False)
class _Job:
    changes: Sequence[Change]
    work: Callable[[SqliteStore], Any] | None
    waiter: asyncio.Future[Any]


_News = tuple["asyncio.Future[Any]", Any, "Exception | None"]


class VirtualWriter:
    """A `ledger.writer.Writer` without a thread: commits are grouped and take virtual time.

    A commit becomes durable some time before its caller hears of it; a crash may fall between.
    """

    def __init__(
        self,
        store: SqliteStore,
        loop: VirtualLoop,
        dice: Random,
        *,
        latency_s: float,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._loop = loop
        self._dice = dice
        self._latency_s = latency_s
        self._trace = trace
        self._queue: list[_Job] = []
        self._is_busy = False
        self.is_dead = False

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write one caller's changes with whatever else waits."""
        await self._enqueue(changes, None)

    async def call(self, work: Callable[[SqliteStore], T]) -> T:
        """Run other work after all commits that were asked for before."""
        if self._queue:
            result: T = await self._enqueue((), work)
            return result
        self._check_alive()
        result = work(self._store)
        await asyncio.sleep(0)
        return result

    async def close(self) -> None:
        """Refuse everything from now on."""
        self.is_dead = True

    def _check_alive(self) -> None:
        if self.is_dead:
            raise LedgerError("this process is dead", fix="none")

    async def _enqueue(self, changes: Sequence[Change], work: Callable[[SqliteStore], Any] | None) -> Any:
        self._check_alive()
        job = _Job(changes, work, self._loop.create_future())
        self._queue.append(job)
        self._kick()
        return await job.waiter

    def _kick(self) -> None:
        if not self._is_busy and self._queue:
            self._is_busy = True
            self._loop.call_later(self._dice.random() * self._latency_s, self._flush)

    def _flush(self) -> None:
        if self.is_dead:
            return
        jobs, self._queue = self._queue, []
        news: list[_News] = []
        commits: list[_Job] = []
        for job in jobs:
            if job.work is None:
                commits.append(job)
                continue
            news += self._write(commits)
            commits = []
            news.append(self._read(job))
        news += self._write(commits)
        self._loop.call_later(self._dice.random() * self._latency_s, self._tell, news)

    def _write(self, jobs: list[_Job]) -> list[_News]:
        if not jobs:
            return []
        try:
            verdicts: Sequence[Exception | None] = self._store.apply([job.changes for job in jobs])
        except LedgerError as error:
            verdicts = [error] * len(jobs)
        if self._trace is not None:
            for job, verdict in zip(jobs, verdicts, strict=True):
                for change in job.changes:
                    self._trace(f"disk {change} {verdict or ''}")
        return [(job.waiter, None, verdict) for job, verdict in zip(jobs, verdicts, strict=True)]

    def _read(self, job: _Job) -> _News:
        if job.work is None:
            raise AssertionError("a commit is no read")
        try:
            return (job.waiter, job.work(self._store), None)
        except LedgerError as error:
            return (job.waiter, None, error)

    def _tell(self, news: list[_News]) -> None:
        self._is_busy = False
        self._kick()
        for waiter, value, error in news:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(value)
            else:
                waiter.set_exception(error)
