"""One pace for several workers: together they keep the ceiling, use it, and close at once."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from itertools import pairwise
from uuid import uuid4

import psycopg
import structlog

from bulkconn.core.record import Target
from bulkconn.fleet.shared_pace import SharedPacer
from bulkconn.ledger.postgres_url import parse_place
from tests.fakes.postgres import server_url


def pacer(target: Target, ceiling_per_s: float = 60.0) -> SharedPacer:
    """Give a worker's pacer."""
    return SharedPacer(parse_place(server_url()), target, ceiling_per_s, log=structlog.get_logger())


def new_target() -> Target:
    """Give a target that no other test has a pace for."""
    return Target("https://flow.test", f"{uuid4().hex}@AdobeOrg")


async def take(one: SharedPacer, taken: list[float]) -> None:
    """Take slots for ever, always wanting more."""
    while True:
        await one.acquire(20)
        if one.closed_for_s:
            await asyncio.sleep(one.closed_for_s)
        else:
            taken.append(time.monotonic())


async def working(
    stack: AsyncExitStack, target: Target, workers: int, taken: list[float]
) -> list[asyncio.Task[None]]:
    """Let so many workers take slots until the stack closes."""
    tasks = []
    for _ in range(workers):
        one = await stack.enter_async_context(pacer(target))
        tasks.append(asyncio.create_task(take(one, taken)))
    stack.callback(lambda: [task.cancel() for task in tasks])
    return tasks


def most_in_a_second(taken: list[float]) -> int:
    """Count the slots of the fullest second."""
    times, first, most = sorted(taken), 0, 0
    for index, at_s in enumerate(times):
        while at_s - times[first] >= 1.0:
            first += 1
        most = max(most, index - first + 1)
    return most


async def test_eight_workers_together_keep_the_ceiling_and_use_it() -> None:
    """No second sees more than a tenth above it, and on average hardly any of it is wasted."""
    taken: list[float] = []
    async with AsyncExitStack() as stack:
        tasks = await working(stack, new_target(), 8, taken)
        await asyncio.sleep(2.0)
        tasks[0].cancel()  # holding slots
        await asyncio.sleep(4.0)
    lasted_s = max(taken) - min(taken)
    assert most_in_a_second(taken) <= 66
    assert len(taken) / lasted_s >= 57 * 0.95


async def test_gate_closed_by_one_is_closed_for_all_within_a_second() -> None:
    """A 429 seen by one worker holds the others back as well."""
    target, taken = new_target(), []  # type: Target, list[float]
    async with AsyncExitStack() as stack:
        await working(stack, target, 3, taken)
        other = await stack.enter_async_context(pacer(target))
        await asyncio.sleep(1.0)
        other.close_for(2.5)
        closed_s = time.monotonic()
        await asyncio.sleep(3.5)
    after = [at_s - closed_s for at_s in taken if at_s > closed_s]
    assert not [one for one in after if 1.0 < one < 2.4]
    assert [one for one in after if one > 2.4]


async def test_complaint_of_one_lowers_the_pace_of_all_once() -> None:
    """Three complaints about requests of the same moment lower the pace once, and it climbs again."""
    target = new_target()
    async with pacer(target) as one, pacer(target) as two, pacer(target) as three:
        for each in (one, two, three):
            await each.acquire(1)
        now_s = time.monotonic()
        news = [each.on_complaint(now_s, now_s - 0.1) for each in (one, two, three)]
        await asyncio.sleep(0.3)
        await two.acquire(1)
        lowered = two.rate_per_s
        assert news == [True, True, True]
        assert not one.on_complaint(now_s + 0.1, now_s - 0.05)
        assert 60 * 0.65 < lowered < 60 * 0.75


async def test_pace_begins_low_after_an_outage_and_never_passes_the_ceiling() -> None:
    """The restart is a tenth of the ceiling."""
    async with pacer(new_target()) as one:
        await one.acquire(1)
        one.restart_low(0.0)
        await asyncio.sleep(0.2)
        await one.acquire(1)
        assert 6.0 <= one.rate_per_s < 12.0
        assert one.ceiling_per_s == 60.0
        one.on_strain(0.0)
        await asyncio.sleep(0.1)


async def test_worker_that_cannot_reach_the_row_gets_no_slot() -> None:
    """Nobody guesses a pace: the gate counts as closed."""
    place = parse_place("postgresql://127.0.0.1:1/nowhere")
    async with SharedPacer(place, new_target(), 60.0, log=structlog.get_logger()) as one:
        await one.acquire(1)
        assert one.closed_for_s > 0.0


async def test_connection_that_breaks_is_made_anew() -> None:
    """After a restart of the server slots come again."""
    target = new_target()
    async with pacer(target) as one:
        await one.acquire(1)
        assert one._connection is not None
        with psycopg.connect(server_url(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (one._connection.info.backend_pid,))
        one._slots.clear()
        await one.acquire(1)
        assert one.closed_for_s > 0.0
        await asyncio.sleep(one.closed_for_s + 0.05)
        await one.acquire(1)
        assert one.closed_for_s == 0.0


async def test_slots_of_one_worker_are_spaced() -> None:
    """Requests leave one by one, not a lease's worth at once."""
    async with pacer(new_target(), 20.0) as one:
        taken = []
        for _ in range(8):
            await one.acquire(9)
            taken.append(time.monotonic())
    assert min(later - earlier for earlier, later in pairwise(taken)) > 0.02
