"""`--retry-failed` over real ledgers: failed rows again, what an interrupted retry left, and nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.core.plan import Reopen
from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.survey import Survey, survey_batch
from tests.fakes.bench import Bench, endpoints, fast_settings
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bulkconn.core.endpoint import Endpoint

RETRY = Reopen(failed=True)


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give the URL of a fresh ledger in a database; None for a file."""
    with fresh_schema() if request.param == "postgres" else nullcontext() as url:
        yield url


def scripted(**by_name: str) -> EmulatorSettings:
    """Give an emulator that answers the POSTs of a row as its script says, then as usual."""
    plan = {name.replace("_", "-"): script.split() for name, script in by_name.items()}
    return EmulatorSettings(faults=FaultPlan.model_validate({"by_name": plan}))


async def states(bench: Bench, rows: list[Endpoint]) -> dict[str, str]:
    """Give the state of each row by its name; a row that is not in the ledger is left out."""
    return {name: record.state.value for name, record in (await bench.records(rows)).items()}


async def test_retry_sends_failed_rows_and_nothing_else(tmp_path: Path, ledger_url: str | None) -> None:
    """Rows that are new or never came to be sent stay as they are; a plain run sends them."""
    rows = endpoints(12)
    faults = scripted(db_0001="status_400", db_0002="status_413", db_0005="status_403")
    async with Bench(tmp_path, faults, ledger_url=ledger_url) as bench:
        # The fifth is not permitted, so the run stops: it and what comes after it was never tried.
        first = await bench.onboard(rows[:8], concurrency=1)
        assert (first.counts["failed"], first.counts["created"], first.counts["pending"]) == (2, 2, 4)
        report = await bench.onboard(rows, reopen=RETRY)
        assert (report.exit_code, report.stopped, report.left_behind) == (4, None, 8)
        assert (report.counts["created"], report.counts["pending"], report.this_run.posts) == (4, 8, 2)
        assert report.this_run.skipped == 2
        assert set(await states(bench, rows)) == {row.name for row in rows[:8]}
        again = await bench.onboard(rows, reopen=RETRY)
        assert (again.exit_code, again.this_run.posts, again.left_behind) == (4, 0, 8)
        plain = await bench.onboard(rows)
        assert (plain.exit_code, plain.counts["created"], plain.left_behind) == (0, 12, 0)
        assert not bench.emulator.books.duplicates()


async def test_retry_by_code_leaves_the_other_failures(tmp_path: Path, ledger_url: str | None) -> None:
    """Nothing stays pending, so what is still failed gives the exit code."""
    rows = endpoints(6)
    async with Bench(
        tmp_path, scripted(db_0001="status_400", db_0002="status_422"), ledger_url=ledger_url
    ) as bench:
        await bench.onboard(rows, concurrency=1)
        report = await bench.onboard(rows, reopen=Reopen(failed=True, codes=frozenset({"1312"})))
        assert (report.exit_code, report.counts["failed"], report.left_behind) == (1, 1, 0)
        assert (await states(bench, rows))["db-0002"] == "failed"
        last = await bench.onboard(rows, reopen=RETRY)
        assert (last.exit_code, last.counts["created"]) == (0, 6)


async def test_retry_that_was_stopped_is_finished_by_the_same_command(
    tmp_path: Path, ledger_url: str | None
) -> None:
    """What it had put back to pending is known as its own, among rows that were never sent."""
    rows = endpoints(9)
    script = {f"db_{number:04d}": "status_400" for number in range(1, 5)}
    script |= {"db_0002": "status_400 status_403", "db_0007": "status_403"}
    async with Bench(tmp_path, scripted(**script), ledger_url=ledger_url) as bench:
        await bench.onboard(rows[4:], concurrency=1)
        await bench.onboard(rows[:4], concurrency=1)
        stopped = await bench.onboard(rows, reopen=RETRY, concurrency=1)
        assert stopped.stopped is not None
        assert (stopped.exit_code, stopped.left_behind) == (4, 3)
        assert (stopped.counts["created"], stopped.counts["pending"]) == (3, 6)
        code = Reopen(failed=True, codes=frozenset({"1304"}))
        other = await bench.onboard(rows, reopen=code)
        assert (other.exit_code, other.this_run.posts, other.left_behind) == (4, 0, 6)
        finished = await bench.onboard(rows, reopen=Reopen(failed=True, codes=frozenset({"1312-400"})))
        assert (finished.exit_code, finished.this_run.posts, finished.left_behind) == (4, 3, 3)
        assert sorted(name for name, state in (await states(bench, rows)).items() if state == "pending") == [
            "db-0007",
            "db-0008",
            "db-0009",
        ]
        assert (await bench.onboard(rows)).exit_code == 0
        assert not bench.emulator.books.duplicates()


async def test_doubt_of_a_retry_is_sent_again_and_no_other(tmp_path: Path, ledger_url: str | None) -> None:
    """Both are looked up; the one that no retry sent stays behind where it is absent."""
    rows = endpoints(3)
    script = scripted(db_0001="status_400 reset_before", db_0002="reset_before")
    never: dict[str, Any] = {"settle_grace_s": None}
    async with Bench(tmp_path, script, ledger_url=ledger_url) as bench:
        await bench.onboard(rows, **never)
        doubted = await bench.onboard(rows, reopen=RETRY, **never)
        assert (doubted.exit_code, doubted.counts["in_doubt"]) == (1, 2)
        report = await bench.onboard(rows, reopen=RETRY)
        assert (report.exit_code, report.left_behind, report.this_run.posts) == (4, 1, 1)
        assert await states(bench, rows) == {"db-0001": "created", "db-0002": "pending", "db-0003": "created"}
        assert (await bench.onboard(rows)).exit_code == 0
        assert not bench.emulator.books.duplicates()


async def test_doubt_that_no_retry_sent_is_claimed_by_a_retry_if_it_exists(tmp_path: Path) -> None:
    """Settling is never wrong."""
    rows = endpoints(2)
    async with Bench(tmp_path, scripted(db_0001="reset_after_create")) as bench:
        async with bench.engine(fast_settings()) as engine:
            survey = Survey()
            await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
            engine.run.stops.interrupt()
            await engine.onboard(lambda: rows, survey)
        await bench.onboard(rows[:1], settle_grace_s=None, max_wait_s=0.5)
        report = await bench.onboard(rows, reopen=RETRY)
        assert (report.counts["created"], report.counts["pending"], report.left_behind) == (1, 1, 1)
        assert bench.emulator.books.posts == 1


async def test_retry_looks_at_no_held_row_anew(tmp_path: Path) -> None:
    """A plain run does: somebody may have removed what stood in its way."""
    rows = endpoints(2)
    async with Bench(tmp_path) as bench:
        other = Bench(tmp_path / "other")
        (tmp_path / "other").mkdir()
        other.emulator = bench.emulator
        assert (await other.onboard(rows[:1])).exit_code == 0
        held = await bench.onboard(rows)
        assert (held.exit_code, held.counts["held"], held.counts["created"]) == (1, 1, 1)
        lookups = held.this_run.lookups
        report = await bench.onboard(rows, reopen=RETRY)
        assert (report.exit_code, report.counts["held"], report.this_run.lookups) == (1, 1, 0)
        assert lookups > 0


async def test_retry_whose_rows_all_fail_alike_puts_its_own_back(
    tmp_path: Path, ledger_url: str | None
) -> None:
    """It is not the rows, so the same command sends them again, and still nothing else."""
    rows = endpoints(14)
    script = {f"db_{number:04d}": "status_422 status_422" for number in range(2, 12)}
    async with Bench(tmp_path, scripted(**script), ledger_url=ledger_url) as bench:
        first = await bench.onboard(rows[:12], concurrency=1)
        assert (first.counts["created"], first.counts["failed"]) == (2, 10)
        alike = await bench.onboard(rows, reopen=RETRY, concurrency=1)
        assert (alike.exit_code, alike.counts["pending"], alike.left_behind) == (4, 12, 2)
        again = await bench.onboard(rows, reopen=RETRY)
        assert (again.exit_code, again.counts["created"], again.left_behind) == (4, 12, 2)
