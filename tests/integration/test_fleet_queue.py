"""The order in which workers take shards: runs of one priority in turn, a higher priority first."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from procrastinate.jobs import Job, Status

from bulkconn.core.names import LedgerId, RunId
from bulkconn.fleet.queue import LINE, defer_orphans, make_app, take_from_the_dead
from bulkconn.fleet.submission import change_run, submit
from bulkconn.inventory.slices import Slice
from bulkconn.ledger.postgres import PostgresStore
from bulkconn.ledger.postgres_url import parse_place
from bulkconn.ledger.shards import RunState, Submission
from tests.fakes.postgres import fresh_schema
from tests.integration.ledger.building import START, TARGET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import procrastinate
    import pytest

PART = Slice("a.csv", "a.csv", "csv", "utf-8", "", 0, 1, 2, 0, "0")


@dataclass
class Queue:
    """A queue of shards and one worker that takes them by hand."""

    store: PostgresStore
    app: procrastinate.App
    worker: int

    def submit(self, run: str, shards: int, *, priority: int = 0, queue: str = "default") -> None:
        """Hand a run of so many shards to workers."""
        submission = Submission(RunId(run), queue, priority, ("a.csv",), {})
        submit(self.store, submission, [PART] * shards, lambda: (), START)

    async def take(self, count: int = 1, *, queues: tuple[str, ...] = ()) -> list[Job]:
        """Take jobs, as a worker would."""
        taken = [
            await self.app.job_manager.fetch_job(list(queues) or None, self.worker) for _ in range(count)
        ]
        return [job for job in taken if job is not None]

    async def finish(self, *jobs: Job) -> None:
        """Say that these are done."""
        for job in jobs:
            await self.app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)

    def names(self, jobs: list[Job]) -> str:
        """Say whose shards these are, as `a1 b1 a2`."""
        named: dict[object, str] = self.store.read(
            lambda db: {
                shard: f"{run}{number}"
                for shard, run, number in db.execute(
                    "SELECT shards.id, run_id, shard_no FROM shards JOIN runs ON runs.id = run"
                ).fetchall()
            }
        )
        return " ".join(named[job.task_kwargs["shard"]] for job in jobs)

    async def order(self, count: int, *, queues: tuple[str, ...] = ()) -> str:
        """Take and finish jobs one by one, and say whose shards they were."""
        taken = []
        for _ in range(count):
            jobs = await self.take(queues=queues)
            taken += jobs
            await self.finish(*jobs)
        return self.names(taken)


@asynccontextmanager
async def queue() -> AsyncIterator[Queue]:
    """Give a queue over a new ledger."""
    with fresh_schema() as url:
        place = parse_place(url)
        with closing(PostgresStore(place, elapsed_s=time.monotonic)) as store:
            store.prepare(TARGET, new_ledger_id=LedgerId("L"), now=START)
            made = Queue(store, make_app(place, connections=2), 0)
            # Its tables come with the first submission.
            made.submit("first", 0)
            async with made.app.open_async():
                made.worker = await made.app.job_manager.register_worker()
                yield made


async def test_shards_of_two_runs_are_taken_in_turn() -> None:
    """A run that was submitted later does not wait for the end of a larger one."""
    async with queue() as line:
        line.submit("a", 50)
        at_work = await line.take(3)
        line.submit("b", 3)
        assert line.names(at_work) == "a1 a2 a3"
        assert await line.order(8) == "a4 b1 a5 b2 a6 b3 a7 a8"


async def test_shards_of_three_runs_are_taken_in_turn_from_where_the_line_stands() -> None:
    """Who comes last neither waits for the others nor catches up with what they had."""
    async with queue() as line:
        line.submit("a", 20)
        assert await line.order(2) == "a1 a2"
        line.submit("b", 20)
        assert await line.order(4) == "a3 b1 a4 b2"
        line.submit("c", 2)
        assert await line.order(7) == "a5 b3 c1 a6 b4 c2 a7"


async def test_higher_priority_comes_first_as_a_whole() -> None:
    """It waits for nobody below it, wherever their line stands."""
    async with queue() as line:
        line.submit("a", 5)
        line.submit("low", 2, priority=-1000)
        assert await line.order(2) == "a1 a2"
        line.submit("high", 3, priority=1000)
        assert await line.order(8) == "high1 high2 high3 a3 a4 a5 low1 low2"


async def test_shard_that_was_given_back_keeps_its_place() -> None:
    """It is the next, and those who come after it do not begin at its old place."""
    async with queue() as line:
        line.submit("a", 20)
        given_back = await line.take()
        assert await line.order(5) == "a2 a3 a4 a5 a6"
        await line.app.job_manager.retry_job(given_back[0], retry_at=datetime.now(UTC))
        line.submit("b", 3)
        assert await line.order(6) == "a1 a7 b1 a8 b2 a9"


async def test_shard_of_a_dead_worker_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its job is queued as it was."""
    async with queue() as line:
        line.submit("a", 6)
        await line.take()
        assert await line.order(2) == "a2 a3"
        monkeypatch.setattr("bulkconn.fleet.queue.STALLED_S", -1.0)
        assert await take_from_the_dead(line.app) == 1
        assert await line.order(3) == "a1 a4 a5"


async def test_shards_without_a_job_come_back_where_the_line_stands() -> None:
    """Two runs whose jobs were lost are taken in turn again, beside one that has its jobs."""
    async with queue() as line:
        line.submit("a", 3)
        line.submit("b", 3)
        line.store.transact(lambda db: db.execute("DELETE FROM procrastinate_jobs"))
        line.submit("c", 3)
        within = make_app(line.store.place, connections=1)
        assert line.store.transact(lambda db: defer_orphans(within, db)) == 6
        assert line.store.transact(lambda db: defer_orphans(within, db)) == 0
        assert await line.order(9) == "c1 a1 b1 c2 a2 b2 c3 a3 b3"


async def test_run_that_is_resumed_joins_the_line_where_it_stands() -> None:
    """The time of its pause is not made up for."""
    async with queue() as line:
        line.submit("a", 10)
        line.submit("b", 30)
        change_run(line.store, RunId("a"), RunState.PAUSED, START)
        # Workers find that it is paused, and leave its shards alone.
        assert await line.order(20) == " ".join(f"a{one} b{one}" for one in range(1, 11))
        assert await line.order(5) == "b11 b12 b13 b14 b15"
        change_run(line.store, RunId("a"), RunState.ACTIVE, START)
        assert await line.order(6) == "b16 a1 b17 a2 b18 a3"


async def test_queue_that_was_empty_joins_the_others() -> None:
    """Workers of several queues are not taken by short runs of an idle one for ever."""
    async with queue() as line:
        line.submit("a", 20)
        assert await line.order(6) == "a1 a2 a3 a4 a5 a6"
        line.submit("b", 5, queue="other")
        assert await line.order(4) == "a7 b1 a8 b2"
        assert await line.order(1, queues=("other",)) == "b3"
        line.submit("c", 5, queue="other")
        assert await line.order(4, queues=("other",)) == "b4 c1 b5 c2"


async def test_line_that_is_too_long_goes_by_age_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """No place of one priority reaches into the next one's."""
    monkeypatch.setattr("bulkconn.fleet.queue.LINE", 4)
    async with queue() as line:
        line.submit("low", 2, priority=-1)
        line.submit("a", 6)
        line.submit("b", 5)
        assert await line.order(11) == "a1 b1 a2 b2 a3 b3 a4 a5 a6 b4 b5"
        assert await line.order(2) == "low1 low2"


def test_every_place_of_every_priority_is_an_int4() -> None:
    """That is what a job's own priority is."""
    assert 1000 * LINE + LINE < 2**31
