"""The engine against the emulator: the straight road and its plainest faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.plan import Reopen
from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.survey import Survey, survey_batch
from tests.fakes.bench import Bench, endpoint, endpoints, fast_settings

if TYPE_CHECKING:
    from pathlib import Path

    from bulkconn.core.endpoint import Endpoint


async def test_run_without_faults_creates_each_once_and_second_run_sends_nothing(tmp_path: Path) -> None:
    """Every row is created once; the same inventory again sends no POST."""
    rows = endpoints(60)
    async with Bench(tmp_path) as bench:
        first = await bench.onboard(rows)
        second = await bench.onboard(rows)
        assert first.exit_code == 0
        assert first.counts["created"] == 60
        assert second.exit_code == 0
        assert second.this_run.posts == 0
        assert second.this_run.skipped == 60
        assert bench.emulator.books.posts == 60
        assert not bench.emulator.books.duplicates()


POST_FAULTS = (
    "reset_before",
    "reset_after_create",
    "status_500_before",
    "status_500_after",
    "status_504_after",
    "cut_body",
    "bad_json",
    "no_id",
    "status_429",
    "status_429_odd",
    "garbage",
    "status_408",
    "status_409",
    "status_503",
    "revoke_token",
    "refuse",
)


@pytest.mark.parametrize("fault", POST_FAULTS)
async def test_run_with_fault_at_some_posts_ends_with_each_created_once(tmp_path: Path, fault: str) -> None:
    """Whatever strikes a fifth of the POSTs, every row ends created, once, with its right id."""
    rows = endpoints(30)
    # A new token that is refused before it was ever good stops the run, so revocations come apart.
    chance = 0.04 if fault == "revoke_token" else 0.2
    settings = EmulatorSettings(faults=FaultPlan.model_validate({"chances": {fault: chance}}), seed=3)
    async with Bench(tmp_path, settings) as bench:
        report = await bench.onboard(rows, max_resends=10)
        records = await bench.records(rows)
        books = bench.emulator.books
        assert not books.duplicates()
        assert report.counts["created"] == 30, (report.counts, report.stopped, report.groups)
        assert report.exit_code == 0
        truth = {one.name: one.id for one in books.all_connections()}
        assert {name: record.connection_id for name, record in records.items()} == truth
        assert sum(report.counts.values()) == 30


async def test_finished_inventory_is_read_once(tmp_path: Path) -> None:
    """Where the first pass finds nothing to do, there is no second one; a single new row brings it back."""
    rows = endpoints(5)
    passes: list[int] = []

    def again() -> list[Endpoint]:
        passes.append(len(rows))
        return rows

    async with Bench(tmp_path) as bench:
        await bench.onboard(rows)
        for expected in (list[int](), [6]):
            async with bench.engine(fast_settings()) as engine:
                survey = Survey()
                await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
                report = await engine.onboard(again, survey)
            assert passes == expected
            assert report.counts["created"] == len(rows)
            rows.append(endpoint("one-more"))
