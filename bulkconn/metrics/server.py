"""`/metrics`, `/healthz`, `/readyz`, on the event loop of the work: one that hangs answers no probe."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bulkconn.core.errors import UsageError
from bulkconn.metrics.meters import Meters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bulkconn.core.protocols import Clock

#: Seconds between two looks at the gate.
_TICK_S: Final = 0.25
_METERS: Final = web.AppKey("meters", Meters)


@asynccontextmanager
async def serving(meters: Meters, host: str, port: int, clock: Clock) -> AsyncIterator[int]:
    """Listen for the length of the block; gives the port.

    Raises:
        UsageError: the address is in use or not ours.
    """
    app = web.Application()
    app.add_routes(
        [web.get("/metrics", _metrics), web.get("/healthz", _healthz), web.get("/readyz", _readyz)]
    )
    app[_METERS] = meters
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    ticking = asyncio.create_task(_tick(meters, clock))
    try:
        try:
            await web.TCPSite(runner, host, port, shutdown_timeout=1.0).start()
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                fix="give another --metrics-port; 0 takes a free one",
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await runner.cleanup()


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=_meters(request).as_text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="alive\n")


async def _readyz(request: web.Request) -> web.Response:
    if _meters(request).is_ready:
        return web.Response(text="ready\n")
    return web.Response(status=503, text=f"{_meters(request).trouble}\n")


def _meters(request: web.Request) -> Meters:
    return request.app[_METERS]


async def _tick(meters: Meters, clock: Clock) -> None:
    last_s = clock.elapsed_s()
    while True:
        await asyncio.sleep(_TICK_S)
        now_s = clock.elapsed_s()
        meters.on_time(now_s - last_s)
        last_s = now_s
