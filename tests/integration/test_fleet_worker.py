"""How a worker ends its own tasks."""

from __future__ import annotations

import asyncio

from bulkconn.fleet import worker


async def test_task_that_loses_its_cancellation_is_cancelled_once_more() -> None:
    """As psycopg's pool does under CPython 3.11, where a connection comes at the same moment."""
    lost = 0

    async def forgetful() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await worker._cancel(task)
    assert task.cancelled()
    assert lost == 2


async def test_task_that_ended_with_an_error_still_has_it() -> None:
    """What went wrong is told by whoever asks the task."""

    async def broken() -> None:
        raise OSError("broken")

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await worker._cancel(task)
    assert isinstance(task.exception(), OSError)
