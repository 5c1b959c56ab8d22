"""The shared pace on virtual time, with its own SQL: what each run gets, to the slot, on any machine."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count, pairwise
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from bulkconn.core.names import LedgerId, RunId
from bulkconn.fleet.shared_pace import SharedPacer
from tests.simulation.disk import EPOCH, TARGET
from tests.simulation.fleet.hub import Hub, Seat
from tests.simulation.fleet.server import Link, Server
from tests.simulation.fleet.thread import virtual_database
from tests.simulation.fleet.worker import PLACE
from tests.simulation.loop import virtual_time

#: Whoever wants more than it gets, as far as a gate ever says.
HUNGRY = 1000


class World:
    """Workers of several runs on one database, each on a machine of its own."""

    def __init__(self, ceiling_per_s: float) -> None:
        self.hub = Hub()
        self.ceiling_per_s = ceiling_per_s
        self.taken: list[tuple[str, list[float]]] = []
        self.seat = Seat(self.hub)  # type: ignore[abstract]  # it has what the tests use of a loop
        self.server = Server(self.hub, TARGET, LedgerId("pace"), EPOCH)
        self._numbers = count(1)

    def worker(self, *runs: str, per_s: float | None = None, ceiling_per_s: float | None = None) -> Seat:
        """Let a worker of runs take all that it gets, or so much a second; give its machine, to kill it."""
        seat = Seat(self.hub)  # type: ignore[abstract]  # likewise
        link = Link(self.server, seat, Random(next(self._numbers)))
        seat.process = SimpleNamespace(link=link)
        seat.create_task(self._work(runs, per_s, ceiling_per_s or self.ceiling_per_s))
        return seat

    async def _work(self, runs: tuple[str, ...], per_s: float | None, ceiling_per_s: float) -> None:
        log = structlog.get_logger()
        async with SharedPacer(PLACE, TARGET, ceiling_per_s, log=log) as pace:
            await asyncio.gather(*(self._take(pace, run, per_s) for run in runs))

    async def _take(self, pace: SharedPacer, run: str, per_s: float | None) -> None:
        taken: list[float] = []
        self.taken.append((run, taken))
        began_s = self.hub.now_s
        with pace.of_run(RunId(run)) as pacer:
            while True:
                # As a gate does: so many are waiting at this moment.
                due = HUNGRY if per_s is None else int((self.hub.now_s - began_s) * per_s) - len(taken)
                if due < 1:
                    await asyncio.sleep(0.01)
                    continue
                await pacer.acquire(due)
                assert not pacer.closed_for_s
                taken.append(self.hub.now_s)

    def play(self, seconds: float) -> Counter[str]:
        """Let time pass, and count the slots that each run took meanwhile."""
        began_s = self.hub.now_s
        with virtual_time(cast("Any", self.hub)), virtual_database(self.hub, lambda _: ()):
            self.hub.run(self.seat, asyncio.sleep(seconds), bound_s=seconds + 1.0)
        found: Counter[str] = Counter()
        for run, taken in self.taken:
            found[run] += sum(one > began_s for one in taken)
        return found

    def most_in_a_second(self) -> int:
        """Count the slots of the fullest second."""
        times, first, most = sorted(one for _, taken in self.taken for one in taken), 0, 0
        for index, at_s in enumerate(times):
            while at_s - times[first] >= 1.0:
                first += 1
            most = max(most, index - first + 1)
        return most


def shares(ceiling_per_s: float, workers: tuple[int, ...], *, modest: float = 0.0) -> dict[str, float]:
    """Let runs with so many workers each work, and give their parts of the ceiling.

    The last one, where it is `modest`, wants only that part of it.
    """
    world = World(ceiling_per_s)
    for run, number in zip("abcd", workers, strict=False):
        for _ in range(number):
            world.worker(run)
    if modest:
        world.worker("modest", per_s=ceiling_per_s * modest)
    world.play(10.0)
    counted_s = max(4.0, 300.0 / ceiling_per_s)
    found = world.play(counted_s)
    assert world.most_in_a_second() <= max(ceiling_per_s * 1.1, ceiling_per_s + 1)
    return {run: slots / counted_s / ceiling_per_s for run, slots in found.items()}


@pytest.mark.parametrize("ceiling_per_s", [5.0, 10.0, 60.0, 200.0])
@pytest.mark.parametrize("workers", [(1, 1), (3, 1), (1, 8), (2, 3, 1)], ids=str)
def test_hungry_runs_get_equal_parts_whatever_their_workers(
    ceiling_per_s: float, workers: tuple[int, ...]
) -> None:
    """Three workers get no more than one, and nothing of the ceiling is left unused."""
    found = shares(ceiling_per_s, workers)
    assert sum(found.values()) >= 0.98
    fair = 0.99 / len(workers)
    assert found == {run: pytest.approx(fair, abs=0.05) for run in "abcd"[: len(workers)]}


@pytest.mark.parametrize("ceiling_per_s", [10.0, 60.0, 200.0])
@pytest.mark.parametrize("workers", [(1,), (4,), (5, 1)], ids=str)
def test_run_that_wants_little_gets_it_and_costs_the_others_nothing(
    ceiling_per_s: float, workers: tuple[int, ...]
) -> None:
    """What it leaves of its part the hungry ones have, in equal parts."""
    found = shares(ceiling_per_s, workers, modest=0.1)
    assert found.pop("modest") == pytest.approx(0.1, abs=0.02)
    left = 0.89 / len(workers)
    assert found == {run: pytest.approx(left, abs=0.05) for run in "ab"[: len(workers)]}


def test_runs_of_one_worker_get_equal_parts_beside_those_of_others() -> None:
    """It is the run that counts, wherever its shards are worked on."""
    world = World(60.0)
    world.worker("a", "b")
    world.worker("a", "c")
    world.worker("a")
    world.play(5.0)
    found = world.play(10.0)
    assert found.total() >= 600 * 0.98
    assert found == {run: pytest.approx(198, abs=18) for run in "abc"}


def test_lowest_ceiling_of_those_at_work_holds_for_all_and_is_shared() -> None:
    """Whoever is told that the organisation takes 20 a second may not be told otherwise by the others."""
    world = World(60.0)
    for _ in range(3):
        world.worker("fast")
    slow = world.worker("slow", ceiling_per_s=20.0)
    world.play(5.0)
    found = world.play(10.0)
    assert 200 * 0.95 <= found.total() <= 200 * 1.1
    assert found["slow"] == pytest.approx(100, abs=12)
    slow.kill()
    world.play(10.0)
    assert world.play(5.0)["fast"] >= 300 * 0.98


def test_part_of_a_run_that_dies_is_given_to_the_others() -> None:
    """Its workers' slots are lost, no more; a run that comes anew has its part within a second."""
    world = World(60.0)
    dying = [world.worker("dying") for _ in range(3)]
    world.worker("other")
    world.play(5.0)
    for seat in dying:
        seat.kill()
    world.play(1.0)
    assert world.play(5.0)["other"] >= 60.0 * 5.0 * 0.98
    world.worker("late")
    world.play(1.0)
    assert world.play(5.0) == {
        "dying": 0,
        "other": pytest.approx(149, abs=9),
        "late": pytest.approx(149, abs=9),
    }


def test_eight_workers_of_one_run_use_the_ceiling_when_one_dies_holding_slots() -> None:
    """A hundredth is the margin of the spacing; the dead worker's slots are all that is lost besides."""
    world = World(60.0)
    workers = [world.worker("run") for _ in range(8)]
    world.play(4.0)
    workers[0].kill()
    assert world.play(10.0)["run"] >= 60.0 * 10.0 * 0.99 - 14
    assert world.play(10.0)["run"] >= 60.0 * 10.0 * 0.98
    assert world.most_in_a_second() <= 66


@pytest.mark.parametrize("stands_still_s", [0.04, 0.12, 1.5])
def test_worker_that_stood_still_does_not_catch_up_and_keeps_its_requests_apart(
    stands_still_s: float,
) -> None:
    """A slot may be late by a moment; what was missed by more is lost."""
    world = World(20.0)
    seats = [world.worker("run") for _ in range(3)]
    for _ in range(10):
        world.play(2.0)
        seats[0].freeze(stands_still_s)
        seats[1].freeze(stands_still_s)
    for _, taken in world.taken:
        assert min(later - earlier for earlier, later in pairwise(taken)) > 0.02
    assert world.most_in_a_second() <= 22


def test_rows_of_ended_runs_are_removed_and_those_at_work_come_back() -> None:
    """The table holds who is at work, and a run that slept for hours enters anew."""
    world = World(60.0)
    ended = world.worker("ended")
    world.worker("slow", per_s=1 / 6000)
    world.worker("slower", per_s=1 / 9000)
    world.play(2.0)
    ended.kill()
    world.hub.now_s += 7200.0
    world.worker("new")
    world.play(3.0)
    assert world.server.rows("SELECT run_id FROM shared_runs ORDER BY 1") == [("new",), ("slow",)]
    world.hub.now_s += 7200.0
    assert world.play(3.0) == {"ended": 0, "slow": 1, "slower": 1, "new": pytest.approx(176, abs=4)}
