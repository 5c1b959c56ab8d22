"""asyncio-throttle, told when to look again, so that one waiter polls once instead of a hundred times."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from asyncio_throttle.throttler import Throttler

from bulkconn.core.pace import SPACING_MARGIN, Pace, spacing

#: Timers may fire a hair early; then the Throttler looks again after this long, not a whole period.
_HAIR_S = 0.0005


class SpacedThrottler(Throttler):
    """A Throttler whose window is a tenth of a second, awaited by one dispatcher only.

    It lets at most n requests through in any n/rate seconds, so requests are spaced. That alone lets a
    second see more than the ceiling where it is no multiple of n, or where n changes: so the requests of
    the last second are counted too.
    """

    def __init__(self, ceiling_per_s: float) -> None:
        n, period_s = spacing(ceiling_per_s)
        super().__init__(n, period_s * SPACING_MARGIN, _HAIR_S)
        self._second: deque[float] = deque(maxlen=max(1, int(ceiling_per_s)))

    def set_rate(self, rate_per_s: float) -> None:
        """Change the pace from the next request on."""
        self.rate_limit, period_s = spacing(rate_per_s)
        self.period = period_s * SPACING_MARGIN

    async def acquire(self) -> None:
        """Wait for the next free place. Cancel: no place is taken."""
        while (wait_s := self._wait_s()) > 0.0:  # noqa: ASYNC110 - a time comes by itself, nobody sets it
            # Looked at again afterwards: the pace may have fallen while we slept.
            await asyncio.sleep(wait_s)
        await super().acquire()
        self._second.append(time.monotonic())

    def _wait_s(self) -> float:
        self.flush()
        surplus = len(self._task_logs) - self.rate_limit
        free_at = self._task_logs[surplus] + self.period if surplus >= 0 else 0.0
        if len(self._second) == self._second.maxlen:
            free_at = max(free_at, self._second[0] + 1.0)
        return free_at - time.monotonic()


class OwnPacer:
    """A `Pacer` for one process: its own pace, and the throttle that holds it."""

    def __init__(self, ceiling_per_s: float) -> None:
        self._pace = Pace(ceiling_per_s)
        self._throttle = SpacedThrottler(ceiling_per_s)

    @property
    def rate_per_s(self) -> float:
        """The pace now."""
        return self._pace.rate_per_s

    @property
    def ceiling_per_s(self) -> float:
        """The pace that is never passed."""
        return self._pace.ceiling_per_s

    @property
    def aboard_limit(self) -> int:
        """How many requests leave within the next moments."""
        return self._throttle.rate_limit

    @property
    def closed_for_s(self) -> float:
        """Nobody else closes this gate."""
        return 0.0

    async def acquire(self, _wanted: int) -> None:
        """Wait for the next free slot. Cancel: none is taken."""
        await self._throttle.acquire()

    def close_for(self, seconds: float) -> None:
        """Nobody else needs to know."""

    def on_accepted(self, now_s: float) -> None:
        """The service took a request."""
        if self._pace.on_accepted(now_s):
            self._throttle.set_rate(self._pace.rate_per_s)

    def on_strain(self, now_s: float) -> None:
        """The service stumbled."""
        if self._pace.on_strain(now_s):
            self._throttle.set_rate(self._pace.rate_per_s)

    def on_complaint(self, now_s: float, sent_at_s: float) -> bool:
        """The service said "too fast"; tells whether this began a burst."""
        is_news = self._pace.on_complaint(now_s, sent_at_s)
        self._throttle.set_rate(self._pace.rate_per_s)
        return is_news

    def restart_low(self, now_s: float) -> None:
        """Begin slowly after an outage."""
        self._pace.restart_low(now_s)
        self._throttle.set_rate(self._pace.rate_per_s)
