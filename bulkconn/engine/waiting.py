"""Waiting for news, or for a time, whichever comes first."""

from __future__ import annotations

import asyncio


async def wait_until_set(event: asyncio.Event, timeout_s: float | None) -> None:
    """Wait until an event is set; after `timeout_s` seconds it is set here. None waits as long as it takes.

    For an event that says "look again": whoever waits clears it before looking. A timer that sets it costs
    a third of `asyncio.timeout`, which cancels and catches, and dispatchers wait before every request.
    """
    if timeout_s is None:
        await event.wait()
        return
    timer = asyncio.get_running_loop().call_later(timeout_s, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()
