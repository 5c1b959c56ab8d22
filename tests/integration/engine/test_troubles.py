"""Troubles that are not the rows': pace, outages, permissions, parked places, one fault for everybody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.outcome import Scope
from bulkconn.core.plan import Reopen
from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.survey import Survey, survey_batch
from tests.fakes.bench import Bench, endpoint, endpoints, fast_settings

if TYPE_CHECKING:
    from pathlib import Path


def _faults(**chances: float) -> EmulatorSettings:
    return EmulatorSettings(faults=FaultPlan.model_validate({"chances": chances}), seed=5)


async def test_run_in_unknown_sandbox_parks_it_and_others_go_on(tmp_path: Path) -> None:
    """A sandbox that does not exist keeps its rows pending; those of other sandboxes are created."""
    rows = [*endpoints(5, sandbox="nowhere"), *endpoints(5, sandbox="dev")]
    async with Bench(tmp_path) as bench:
        report = await bench.onboard(rows)
        assert report.exit_code == 4
        assert report.counts["created"] == 5
        assert report.counts["pending"] == 5
        assert report.stopped is not None
        assert report.stopped.scope is Scope.SANDBOX


async def test_run_with_every_row_refused_alike_stops_and_puts_rows_back(tmp_path: Path) -> None:
    """When the first ten rows all fail with one code it is not the rows: all stay pending, exit 4."""
    rows = endpoints(40)
    async with Bench(tmp_path, _faults(status_422=1.0)) as bench:
        report = await bench.onboard(rows, concurrency=5)
        assert report.exit_code == 4
        assert report.counts["pending"] == 40
        assert bench.emulator.books.posts <= 15
        records = await bench.records(rows)
        assert {record.state.value for record in records.values()} == {"pending"}


async def test_run_with_few_rows_refused_fails_them_with_their_message(tmp_path: Path) -> None:
    """A refused row is failed, keeps the service's code, and is not sent again by the next run."""
    rows = endpoints(12)
    plan = FaultPlan.model_validate({"by_name": {"db-0003": ["status_400"], "db-0004": ["status_413"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan)) as bench:
        first = await bench.onboard(rows)
        again = await bench.onboard(rows)
        retried = await bench.onboard(rows, reopen=Reopen(failed=True))
        assert (first.exit_code, first.counts["failed"], first.counts["created"]) == (1, 2, 10)
        assert again.this_run.posts == 0
        assert again.counts["failed"] == 2
        assert (retried.exit_code, retried.counts["created"]) == (0, 12)


async def test_run_through_an_outage_creates_all_and_uses_up_no_row(tmp_path: Path) -> None:
    """A service that is down for a while costs no row anything."""
    rows = endpoints(60)
    async with Bench(tmp_path) as bench:
        bench.emulator.plan_faults(FaultPlan.model_validate({"queue": ["ok", "ok", "outage:4"]}))
        report = await bench.onboard(rows, max_wait_s=60.0)
        assert report.exit_code == 0, (report.counts, report.stopped, report.groups)
        assert report.counts["created"] == 60
        assert not bench.emulator.books.duplicates()


async def test_run_with_service_down_longer_than_max_wait_stops_resumable(tmp_path: Path) -> None:
    """Without a definitive answer for --max-wait the run ends with exit 4; the next one finishes it."""
    rows = endpoints(10)
    async with Bench(tmp_path) as bench:
        bench.emulator.go_down(8.0)
        report = await bench.onboard(rows, max_wait_s=2.0)
        assert report.exit_code == 4
        assert report.counts["pending"] == 10
        assert bench.emulator.books.posts == 0
        await asyncio.sleep(8.0)
        again = await bench.onboard(rows)
        assert again.exit_code == 0


async def test_run_with_long_retry_after_parks_at_once(tmp_path: Path) -> None:
    """A Retry-After longer than --max-wait ends the run, says when to come back, and loses nothing."""
    rows = endpoints(20)
    async with Bench(tmp_path) as bench:
        bench.emulator.plan_faults(FaultPlan.model_validate({"queue": ["status_429:3600"]}))
        report = await bench.onboard(rows)
        assert report.exit_code == 4
        assert report.stopped is not None
        assert "3600" in report.stopped.fix
        assert sum(report.counts.values()) == 20


async def test_run_with_redirect_stops_and_keeps_the_row_in_doubt(tmp_path: Path) -> None:
    """A redirect is never followed; who answers so may have done the work."""
    async with Bench(tmp_path) as bench:
        bench.emulator.plan_faults(FaultPlan.model_validate({"queue": ["redirect_302"]}))
        report = await bench.onboard(endpoints(30), concurrency=1)
        assert report.exit_code == 4
        assert report.counts["in_doubt"] == 1
        assert bench.emulator.books.posts == 1


async def test_run_with_source_not_entitled_parks_that_source_alone(tmp_path: Path) -> None:
    """A source that is not in the licence keeps its rows pending, the refused one too."""
    rows = endpoints(6)
    async with Bench(tmp_path) as bench:
        bench.emulator.plan_faults(FaultPlan.model_validate({"queue": ["not_entitled"]}))
        report = await bench.onboard(rows, concurrency=1)
        assert report.exit_code == 4
        assert report.counts["pending"] == 6
        assert report.stopped is not None
        assert report.stopped.scope is Scope.SOURCE


async def test_run_at_twenty_a_second_under_that_limit_wastes_nothing(tmp_path: Path) -> None:
    """At a limit of 20/s and a rate of 20/s hardly a request is answered 429."""
    async with Bench(tmp_path, EmulatorSettings(rate_limit_per_s=20)) as bench:
        report = await bench.onboard(endpoints(100), rate_per_s=20.0)
        assert report.counts["created"] == 100
        assert report.this_run.throttled <= 2
        assert bench.emulator.books.max_per_second <= 20


async def test_run_at_two_hundred_a_second_under_a_limit_of_twenty_adapts(tmp_path: Path) -> None:
    """Ten times too fast at the start, the pace finds the limit: under a quarter of requests wasted."""
    async with Bench(tmp_path, EmulatorSettings(rate_limit_per_s=20)) as bench:
        report = await bench.onboard(endpoints(200), rate_per_s=200.0)
        assert report.counts["created"] == 200
        requests = report.this_run.posts + report.this_run.lookups
        assert report.this_run.throttled < requests / 4


async def test_interrupt_during_run_drains_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """An interrupt finishes what is in flight; the same inventory again creates the rest, once each."""
    rows = endpoints(80)
    async with Bench(tmp_path, EmulatorSettings(latency_s=0.05)) as bench:
        async with bench.engine(fast_settings(rate_per_s=60.0)) as engine:
            survey = Survey()
            await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
            asyncio.get_running_loop().call_later(0.6, engine.interrupt)
            report = await engine.onboard(lambda: rows, survey)
        assert report.exit_code == 130
        assert 0 < report.counts["created"] < 80
        assert report.counts["in_doubt"] == 0
        assert sum(report.counts.values()) == 80
        assert (await bench.onboard(rows)).exit_code == 0
        assert not bench.emulator.books.duplicates()
        assert bench.emulator.books.connection_count == 80


async def test_interrupt_with_a_slow_post_cuts_it_and_leaves_it_in_doubt(tmp_path: Path) -> None:
    """A POST that outlasts the drain is cut; its row is in doubt and the next run claims it."""
    rows = [endpoint("slow-one")]
    plan = FaultPlan.model_validate({"by_name": {"slow-one": ["slow:4"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan), timeout_s=20.0) as bench:
        async with bench.engine(fast_settings(drain_s=0.3)) as engine:
            survey = Survey()
            await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
            asyncio.get_running_loop().call_later(0.5, engine.interrupt)
            report = await engine.onboard(lambda: rows, survey)
        assert report.counts["in_doubt"] == 1
        again = await bench.onboard(rows)
        assert again.exit_code == 0
        assert again.this_run.posts == 0
        assert bench.emulator.books.connection_count == 1


async def test_resends_are_counted_over_all_runs(tmp_path: Path) -> None:
    """--max-resends is per row: interrupts and settles between runs give no row more than that."""
    rows = [endpoint("poison")]
    async with Bench(tmp_path, _faults(status_500_before=1.0)) as bench:
        for _ in range(4):
            await bench.settle(settle_grace_s=0.2)
            await bench.onboard(rows, settle_grace_s=0.2, max_resends=1)
        record = (await bench.records(rows))["poison"]
        assert bench.emulator.books.posts == 2
        assert (record.state.value, record.error_code) == ("failed", "resends_exhausted")


async def test_resends_after_a_settle_between_runs_are_counted_too(tmp_path: Path) -> None:
    """A row that `settle` freed was sent before: the next POST is a resend."""
    rows = [endpoint("poison")]
    async with Bench(tmp_path, _faults(status_500_before=1.0)) as bench:
        for _ in range(4):
            async with bench.engine(fast_settings(max_resends=1, settle_grace_s=60.0)) as engine:
                survey = Survey()
                await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
                asyncio.get_running_loop().call_later(0.4, engine.interrupt)
                await engine.onboard(lambda: rows, survey)
            await bench.settle(settle_grace_s=0.2)
        assert bench.emulator.books.posts == 2
