"""What people see of a run at work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.cli.progress import read_moment
from bulkconn.core.plan import Reopen
from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.survey import Survey, survey_batch
from tests.fakes.bench import Bench, endpoints, fast_settings

if TYPE_CHECKING:
    from pathlib import Path


async def test_moment_counts_rows_in_doubt_that_are_being_looked_up(tmp_path: Path) -> None:
    """A row on its way is not yet in doubt to the eye; one whose lookup is on its way is."""
    rows = endpoints(8)
    plan = {"by_name": {row.name: ["reset_before"] for row in rows}, "chances": ["get_slow:1:1"]}
    settings = EmulatorSettings(faults=FaultPlan.model_validate(plan))
    async with Bench(tmp_path, settings) as bench, bench.engine(fast_settings()) as engine:
        survey = Survey()
        await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
        running = asyncio.create_task(engine.onboard(lambda: rows, survey))
        async with asyncio.timeout(30):
            while engine.run.this_run.posts < 8 or engine.in_flight < 8 or engine.run.sending:  # noqa: ASYNC110 - nobody is told of this moment
                await asyncio.sleep(0.01)
        moment = read_moment(engine, to_send=8, elapsed_s=1.0)
        assert (moment.in_flight, moment.in_doubt) == (8, 8)
        assert (await running).counts["created"] == 8
        assert engine.run.sending == 0
