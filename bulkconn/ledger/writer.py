"""The one thread that touches a ledger's connection, and the grouping of commits.

An fsync costs the same for one change as for a thousand, so whatever has queued up while the last
commit was on its way goes into the next one. Reads wait in the same line: they see every commit that
was asked for before them.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from bulkconn.core.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bulkconn.core.record import Change
    from bulkconn.ledger.sql_store import SqlStore

T = TypeVar("T")

#: Changes of one transaction; bounds how long the first caller of a group waits for the last.
_GROUP_LIMIT: Final = 1000


class Writer(Protocol):
    """Who runs a store's synchronous work: the thread below, or a simulation's virtual disk."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write one caller's changes; durable when this returns. Raises as `Ledger.commit`."""
        ...

    async def call(self, work: Callable[[SqlStore], T]) -> T:
        """Run other work on the store, after all commits that were asked for before."""
        ...

    async def close(self) -> None:
        """Finish what was asked for, then close the store."""
        ...


@dataclass(slots=True, eq=False)
class _Commit:
    changes: Sequence[Change]
    waiter: asyncio.Future[None]


@dataclass(slots=True, eq=False)
class _Call:
    work: Callable[[SqlStore], Any]
    waiter: asyncio.Future[Any]


#: Who waits, and what for: a value or an exception.
_News = tuple["asyncio.Future[Any]", Any, "BaseException | None"]


class StoreThread:
    """A thread that owns a store. Make it with `start`, end it with `close`.

    A cancelled caller leaves its work in the line: it is still done, nobody is told.
    """

    def __init__(self, open_store: Callable[[], SqlStore]) -> None:
        self._open_store = open_store
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[list[_Commit] | _Call | None] = SimpleQueue()
        #: Commits that were asked for in this turn of the loop; they go into the line together.
        self._asked: list[_Commit] = []
        self._is_closed = False
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        # A daemon, so that a crash of the program does not hang on it: the ledger survives any end.
        self._thread = threading.Thread(target=self._main, name="bulkconn-ledger", daemon=True)

    @classmethod
    async def start(cls, open_store: Callable[[], SqlStore]) -> StoreThread:
        """Start the thread and open the store in it; raises what `open_store` raises."""
        self = cls(open_store)
        self._thread.start()
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            self._queue.put(None)
            raise
        return self

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write one caller's changes, grouped with whatever else is waiting."""
        self._check_open()
        waiter: asyncio.Future[None] = self._loop.create_future()
        if not self._asked:
            # Each put wakes the thread, and each wake costs as much as writing a change.
            self._loop.call_soon(self._put_commits)
        self._asked.append(_Commit(changes, waiter))
        await waiter

    async def call(self, work: Callable[[SqlStore], T]) -> T:
        """Run other work on the store, after all commits that were asked for before."""
        self._check_open()
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._put_commits()
        self._queue.put(_Call(work, waiter))
        return await waiter

    async def close(self) -> None:
        """Finish what was asked for, then close the store. Repeat: safe.

        Cancel: the thread goes on to its end by itself.
        """
        if not self._is_closed:
            self._is_closed = True
            self._put_commits()
            self._queue.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    def _put_commits(self) -> None:
        if self._asked:
            self._queue.put(self._asked)
            self._asked = []

    def _check_open(self) -> None:
        if self._is_closed:
            raise LedgerError("the ledger is closed", fix="this is a defect of bulkconn: please report it")

    def _main(self) -> None:
        try:
            store = self._open_store()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller of `start` gets it
            self._tell([(self._opened, None, error), (self._ended, None, None)])
            return
        self._tell([(self._opened, None, None)])
        try:
            self._serve(store)
        finally:
            try:
                store.close()
                news: _News = (self._ended, None, None)
            except LedgerError as error:
                news = (self._ended, None, error)
            self._tell([news])

    def _serve(self, store: SqlStore) -> None:
        while (job := self._queue.get()) is not None:
            following: _Call | None = None
            if isinstance(job, list):
                group, following, is_last = self._gather(job)
                self._tell(_write(store, group))
                if is_last:
                    return
            else:
                following = job
            if following is not None:
                self._tell([_run(store, following)])

    def _gather(self, first: list[_Commit]) -> tuple[list[_Commit], _Call | None, bool]:
        """Take the commits that wait, up to the next other work (given too) or the end (True)."""
        group, size = first, sum(len(commit.changes) for commit in first)
        while size < _GROUP_LIMIT:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if not isinstance(job, list):
                return group, job, job is None
            group += job
            size += sum(len(commit.changes) for commit in job)
        return group, None, False

    def _tell(self, news: list[_News]) -> None:
        try:
            self._loop.call_soon_threadsafe(_deliver, news)
        except RuntimeError:
            # The loop is closed: nobody waits any more.
            return


def _write(store: SqlStore, group: list[_Commit]) -> list[_News]:
    try:
        verdicts = store.apply([commit.changes for commit in group])
    except Exception as error:  # noqa: BLE001 - every caller must learn that its changes are not durable
        return [(commit.waiter, None, error) for commit in group]
    return [(commit.waiter, None, verdict) for commit, verdict in zip(group, verdicts, strict=True)]


def _run(store: SqlStore, call: _Call) -> _News:
    try:
        return (call.waiter, call.work(store), None)
    except Exception as error:  # noqa: BLE001 - it belongs to the caller, the thread goes on
        return (call.waiter, None, error)


def _deliver(news: list[_News]) -> None:
    for waiter, value, error in news:
        if waiter.done():  # its caller was cancelled
            continue
        if error is None:
            waiter.set_result(value)
        else:
            waiter.set_exception(error)
