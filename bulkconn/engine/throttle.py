"""asyncio-throttle, told when to look again, so that one waiter polls once instead of a hundred times."""

from __future__ import annotations

import asyncio
import time

from asyncio_throttle.throttler import Throttler

from bulkconn.core.pace import spacing

#: Timers may fire a hair early; then the Throttler looks again after this long, not a whole period.
_HAIR_S = 0.0005


class SpacedThrottler(Throttler):
    """A Throttler whose window is a tenth of a second, awaited by one dispatcher only.

    It lets at most n requests through in any n/rate seconds, so requests are spaced, and no window of a
    second passes the rate.
    """

    def __init__(self, rate_per_s: float) -> None:
        n, period_s = spacing(rate_per_s)
        super().__init__(n, period_s, _HAIR_S)

    def set_rate(self, rate_per_s: float) -> None:
        """Change the pace from the next request on."""
        self.rate_limit, self.period = spacing(rate_per_s)

    async def acquire(self) -> None:
        """Wait for the next free place. Cancel: no place is taken."""
        self.flush()
        surplus = len(self._task_logs) - self.rate_limit
        if surplus >= 0:
            free_at = self._task_logs[surplus] + self.period
            await asyncio.sleep(max(0.0, free_at - time.monotonic()))
        await super().acquire()
