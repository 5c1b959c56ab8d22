"""A tour over the ledger's rows: each is visited once, as many at a time as requests may be open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from bulkconn.core.errors import BulkconnError
from bulkconn.engine.looking import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from bulkconn.engine.context import RunContext

_T = TypeVar("_T")


class Tour:
    """Visits rows until there are no more, or the run stops."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._active: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        #: Rows that were visited to the end.
        self.done = 0

    def interrupt(self) -> None:
        """Visit no more rows, finish those at work within the drain (SIGINT, SIGTERM)."""
        self._run.stops.interrupt()

    def cut(self) -> None:
        """End now: cut what is on its way."""
        self.interrupt()
        for task in self._active:
            task.cancel()

    async def visit(
        self, rows: AsyncIterator[_T], visit: Callable[[_T], Coroutine[None, None, None]]
    ) -> None:
        """Visit every row. A visit that passes the gate ends by itself once the run stops.

        Raises:
            BulkconnError: what a visit, or the reading of rows, raised first; the others were drained.
        """
        run = self._run
        stop = asyncio.create_task(run.stops.wait())
        try:
            async with serving(run):
                async for row in self._until_stopped(rows):
                    task = asyncio.create_task(self._guarded(visit(row)))
                    self._active.add(task)
                    task.add_done_callback(self._active.discard)
                    while len(self._active) >= run.settings.pace.concurrency and not run.stops.is_stopping:
                        await asyncio.wait({*self._active, stop}, return_when=asyncio.FIRST_COMPLETED)
                while self._active and not run.stops.is_stopping:
                    await asyncio.wait({*self._active, stop}, return_when=asyncio.FIRST_COMPLETED)
                await self._drain()
        finally:
            stop.cancel()
            await asyncio.gather(stop, return_exceptions=True)
        if self._error is not None:
            raise self._error

    async def _until_stopped(self, rows: AsyncIterator[_T]) -> AsyncIterator[_T]:
        try:
            async for row in rows:
                if self._run.stops.is_stopping:
                    return
                yield row
        except BulkconnError as error:
            self._fail(error)

    async def _guarded(self, visit: Coroutine[None, None, None]) -> None:
        """Let one visit's trouble stop the tour, not tear others out of their requests."""
        try:
            await visit
            self.done += 1
        except Exception as error:  # noqa: BLE001 - raised at the end of the tour
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._run.stops.halt()

    async def _drain(self) -> None:
        if not self._active:
            return
        await asyncio.wait(self._active, timeout=self._run.settings.patience.drain_s)
        for task in self._active:
            task.cancel()
        if self._active:
            await asyncio.wait(self._active)
