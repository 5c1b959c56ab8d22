"""The ledger's thread, without a thread: commits are grouped, take virtual time, may be lost by a crash."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bulkconn.core.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from bulkconn.core.record import Change
    from bulkconn.ledger.store import SqliteStore
    from tests.simulation.loop import VirtualLoop

T = TypeVar("T")


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
