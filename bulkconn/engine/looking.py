"""The gate outside of a run: for commands, and moments of a run, that only look."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bulkconn.engine.context import RunContext


@asynccontextmanager
async def serving(run: RunContext) -> AsyncIterator[None]:
    """Let lookups pass the gate for the length of the block; a stop of the run turns them away at once.

    A run that follows goes on at the pace that was found, with the gate as open or closed as it is.
    """

    async def turn_away() -> None:
        await run.stops.wait()
        run.gate.on_stop()

    tasks = (asyncio.create_task(run.gate.serve()), asyncio.create_task(turn_away()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
