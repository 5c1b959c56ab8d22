"""What a rehearsal shows while it works: one line on a terminal, a log line every ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from structlog.typing import FilteringBoundLogger

    from bulkconn.cli.conducting import Conductor
    from bulkconn.cli.emulator_admin import EmulatorAdmin

_REFRESH_S: Final = 0.5
_LOG_EVERY_S: Final = 10.0


@asynccontextmanager
async def watching(
    conductor: Conductor, admin: EmulatorAdmin, *, rows: int, log: FilteringBoundLogger, is_live: bool
) -> AsyncIterator[None]:
    """Show how far a rehearsal is, for the length of the block."""
    if is_live and sys.stderr.isatty():
        show = asyncio.create_task(_draw(conductor, admin, rows))
    else:
        show = asyncio.create_task(_log(conductor, admin, rows, log))
    try:
        yield
    finally:
        show.cancel()
        await asyncio.gather(show, return_exceptions=True)


async def _draw(conductor: Conductor, admin: EmulatorAdmin, rows: int) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

    with Console(stderr=True).status("the worker starts") as status:
        while True:
            await asyncio.sleep(_REFRESH_S)
            now = await admin.introduction()
            status.update(
                f"{now.connection_count:,} of {plural(rows, 'connection')}, {now.api_requests:,} requests, "
                f"{plural(conductor.kills, 'kill')}"
            )


async def _log(conductor: Conductor, admin: EmulatorAdmin, rows: int, log: FilteringBoundLogger) -> None:
    while True:
        await asyncio.sleep(_LOG_EVERY_S)
        now = await admin.introduction()
        log.info(
            "rehearsal.progress",
            rows=rows,
            connections=now.connection_count,
            requests=now.api_requests,
            kills=conductor.kills,
        )
