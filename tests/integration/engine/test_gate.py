"""The gate opens again by itself, whatever moment its clock shows while it decides."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random

import pytest
import structlog

from bulkconn.core.secret import SecretStr
from bulkconn.core.trouble import Patience
from bulkconn.engine.context import World
from bulkconn.engine.gate import Gate
from bulkconn.engine.stops import Stops
from bulkconn.engine.throttle import OwnPacer
from bulkconn.flowservice import StaticToken


class TickingClock:
    """A clock that goes on by so many seconds whenever it is read."""

    clock_id = "ticking"

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._now_s = 0.0

    def now(self) -> datetime:
        """Give a wall clock that nobody asks."""
        return datetime(2026, 1, 1, tzinfo=UTC)

    def elapsed_s(self) -> float:
        """Give the seconds, later each time."""
        self._now_s += self._tick_s
        return self._now_s


@pytest.mark.parametrize("readings", [1.5, 2.5, 3.5, 4.5, 5.5])
async def test_gate_that_opens_between_two_looks_at_the_clock_is_open(readings: float) -> None:
    """A closing that ends after so many looks is over, also if it ends in the middle of a decision.

    The dispatcher then waited for news of others, and with nothing on its way there was none for ever.
    """
    clock = TickingClock(0.01)
    stops = Stops()
    world = World(clock, Random(1), structlog.get_logger(), lambda *_: None)
    tokens = StaticToken(SecretStr("t"))
    gate = Gate(OwnPacer(100.0), tokens, world, stops=stops, patience=Patience(60.0))
    gate.close_for(0.01 * readings, "throttled")
    serving = asyncio.create_task(gate.serve())
    try:
        async with asyncio.timeout(5):
            assert await gate.slot(is_post=False) is not None
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
