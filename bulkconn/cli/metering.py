"""`--metrics-port`: the numbers of a run or a worker, served while it works."""

from __future__ import annotations

import importlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bulkconn.cli.given import Given
    from bulkconn.core.protocols import PaceShown
    from bulkconn.engine.context import World
    from bulkconn.metrics.meters import Meters


@asynccontextmanager
async def metering(
    given: Given, world: World, pacer: PaceShown | None = None
) -> AsyncIterator[Meters | None]:
    """Serve metrics for the length of the block, if they were asked for; `pacer` is a worker's.

    Raises:
        UsageError: the port is taken, or the package for them is not installed.
    """
    if given.text("metrics_port") is None:
        yield None
        return
    try:
        importlib.import_module("prometheus_client")
    except ImportError as error:
        raise UsageError(
            "--metrics-port needs the package prometheus-client, which is not installed",
            fix="pip install 'bulkconn[metrics]', or leave --metrics-port out",
        ) from error
    from bulkconn.metrics.meters import Meters  # noqa: PLC0415 - an extra that may be missing
    from bulkconn.metrics.server import serving  # noqa: PLC0415 - likewise

    meters = Meters(world.clock, pacer)
    host, port = given.text("metrics_host") or "127.0.0.1", int(given.number("metrics_port"))
    async with serving(meters, host, port, world.clock) as bound:
        world.log.info("metrics.served", host=host, port=bound)
        yield meters
