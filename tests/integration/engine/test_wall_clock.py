"""The engine with a wall clock that leaps: shown also where no process's clock can be shifted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.plan import Reopen
from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.clock import SystemClock
from bulkconn.engine.survey import Survey, survey_batch
from tests.fakes.bench import Bench, endpoints, fast_settings

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_HOUR_S = 3600.0


class _LeapingClock(SystemClock):
    """This machine's clocks, the wall clock shifted by `leap_s` seconds."""

    leap_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.leap_s)


@pytest.mark.parametrize("leap_s", [-_HOUR_S, _HOUR_S], ids=["back", "ahead"])
async def test_wall_clock_that_leaps_ends_no_grace_and_lengthens_none(tmp_path: Path, leap_s: float) -> None:
    """POSTs that take effect late, but within the grace, make no twin: neither in a run nor across two."""
    rows, clock = endpoints(40), _LeapingClock()
    late = {row.name: ["slow_create:1.5"] for row in rows[5:35]}
    settings = EmulatorSettings(faults=FaultPlan.model_validate({"by_name": late}))
    async with Bench(tmp_path, settings, timeout_s=0.5, clock=clock) as bench:
        survey = Survey()
        async with bench.engine(fast_settings(settle_grace_s=5.0, drain_s=0.2)) as engine:
            await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
            running = asyncio.create_task(engine.onboard(lambda: rows, survey))
            while bench.emulator.books.posts < 15:  # noqa: ASYNC110 - the emulator tells nobody
                await asyncio.sleep(0.01)
            clock.leap_s = leap_s
            engine.interrupt()
            assert (await running).counts["in_doubt"] > 0
        clock.leap_s = -leap_s
        running = asyncio.create_task(bench.onboard(rows, settle_grace_s=5.0))
        await asyncio.sleep(1.0)
        clock.leap_s = leap_s
        report = await running
        records = await bench.records(rows)
        books = bench.emulator.books
        assert (report.exit_code, report.counts["created"]) == (0, 40), (report.counts, report.stopped)
        assert not books.duplicates()
        assert {name: record.connection_id for name, record in records.items()} == {
            one.name: one.id for one in books.all_connections()
        }
