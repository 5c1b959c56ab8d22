"""Keeps in the ledger at which pace a run went, so that a report can draw it later."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import LedgerError
from bulkconn.core.facts import PaceChanged
from bulkconn.core.record import PaceNote

if TYPE_CHECKING:
    from datetime import datetime

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import RunId
    from bulkconn.ledger.stored import StoredLedger

#: Seconds for which news of the pace are gathered: they share a commit.
_GATHER_S: Final = 1.0


class PaceKeeper:
    """A `Listener`. What it cannot write is lost without harm, and stops nothing."""

    hears_rows = False

    def __init__(self, ledger: StoredLedger | None = None) -> None:
        self._ledger = ledger
        self._notes: dict[RunId, list[PaceNote]] = {}
        self._task: asyncio.Task[None] | None = None

    def write_into(self, ledger: StoredLedger) -> None:
        """Say where notes go: a new ledger is made only when a run has work for it."""
        self._ledger = ledger

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:
        """Note a change of the pace."""
        if not isinstance(fact, PaceChanged) or run_id is None:
            return
        note = PaceNote(at, fact.rate_per_s, fact.ceiling_per_s, fact.closed_for_s)
        self._notes.setdefault(run_id, []).append(note)
        if self._task is None:
            self._task = asyncio.create_task(self._write_soon())

    async def close(self) -> None:
        """Write what is left, before the ledger closes. Repeat: safe."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._write()

    async def _write_soon(self) -> None:
        await asyncio.sleep(_GATHER_S)
        self._task = None
        await self._write()

    async def _write(self) -> None:
        if self._ledger is None:
            return
        notes, self._notes = self._notes, {}
        with suppress(LedgerError):
            for run_id, paces in notes.items():
                await self._ledger.note_paces(run_id, paces)
