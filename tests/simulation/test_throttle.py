"""The throttle alone on virtual time: whatever the ceiling and its changes, no second passes it."""

from __future__ import annotations

import pytest

from bulkconn.engine.throttle import SpacedThrottler
from tests.simulation.loop import VirtualLoop, virtual_time


@pytest.mark.parametrize("ceiling", [1.0, 2.5, 10.0, 20.0, 25.0, 29.0, 33.3, 99.0, 500.0])
def test_throttle_whose_rate_changes_lets_no_second_pass_the_ceiling(ceiling: float) -> None:
    """Spacing alone lets 26 a second through at 25, and 21 at 20 when the pace falls in between."""
    loop = VirtualLoop()  # type: ignore[abstract]  # it has what the engine uses of a loop
    left_s: list[float] = []

    async def send(requests: int) -> None:
        throttler = SpacedThrottler(ceiling)
        for number in range(requests):
            throttler.set_rate(ceiling * (1.0, 0.92, 0.6, 1.0)[number * 4 // requests])
            await throttler.acquire()
            left_s.append(loop.time())

    most = max(1, int(ceiling))
    requests = 8 * most + 8
    with virtual_time(loop):
        loop.run(send(requests), bound_s=600.0)
    assert all(later - first >= 0.999 for first, later in zip(left_s, left_s[most:], strict=False))
    assert left_s[-1] - left_s[0] < 1.5 * requests / most + 3.0


def test_throttle_slowed_while_it_waits_does_not_poll_for_the_rest() -> None:
    """A 429 lowers the pace while the dispatcher sleeps: it sleeps on, it does not look each half ms."""
    loop = VirtualLoop()  # type: ignore[abstract]  # it has what the engine uses of a loop

    async def wait_through_a_slowdown() -> None:
        throttler = SpacedThrottler(10.0)
        loop.call_later(0.05, throttler.set_rate, 0.5)
        await throttler.acquire()
        await throttler.acquire()

    with virtual_time(loop):
        loop.run(wait_through_a_slowdown(), bound_s=600.0)
    assert loop.now_s > 1001.9
    assert loop.steps < 20
