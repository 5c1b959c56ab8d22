"""The pace of a run, kept in its ledger while others write to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.facts import GateOpened, PaceChanged
from bulkconn.core.names import RunId
from bulkconn.core.record import PaceNote
from bulkconn.ledger import paces
from bulkconn.ledger.paces import PaceKeeper
from tests.integration.ledger.building import at, open_ledger

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RUN = RunId("r1")


async def test_changes_of_the_pace_are_kept_while_the_run_goes_on_and_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was gathered is written by itself; what is left, when the run ends. Other facts are not."""
    monkeypatch.setattr(paces, "_GATHER_S", 0.0)
    ledger = await open_ledger(tmp_path / "o.ledger.db")
    await ledger.begin_run(RUN, at(0), {})
    keeper = PaceKeeper(ledger)
    keeper.hear(PaceChanged(20.0, 20.0, 0.0), at(1), RUN)
    keeper.hear(GateOpened(1.0), at(1), RUN)
    while not await ledger.paces(RUN):  # noqa: ASYNC110 - it comes by itself
        await asyncio.sleep(0.001)
    keeper.hear(PaceChanged(10.0, 20.0, 2.5), at(2), RUN)
    await keeper.close()
    await keeper.close()
    assert await ledger.paces(RUN) == [PaceNote(at(1), 20.0, 20.0), PaceNote(at(2), 10.0, 20.0, 2.5)]
    await ledger.close()


async def test_paces_that_cannot_be_written_stop_nothing(tmp_path: Path) -> None:
    """A ledger that is closed, or that was never made, loses the history and no more."""
    ledger = await open_ledger(tmp_path / "o.ledger.db")
    await ledger.begin_run(RUN, at(0), {})
    await ledger.close()
    for keeper in (PaceKeeper(ledger), PaceKeeper()):
        keeper.hear(PaceChanged(20.0, 20.0, 0.0), at(1), RUN)
        await keeper.close()
