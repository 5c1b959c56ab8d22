"""Puts a worker through a rehearsal: kills it, starts it again, and lets the weather clear at last."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from bulkconn.cli.worker import working
from bulkconn.core.errors import BulkconnError, ExitCode
from bulkconn.core.rehearsal import KillPoint, Level, kills_of, next_kill
from bulkconn.emulator import FaultLevel, FaultPlan, plan_level

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from bulkconn.cli.emulator_admin import EmulatorAdmin, Introduction, Totals
    from bulkconn.cli.worker import Worker, WorkerEnd

#: Seconds between two looks at how far the worker is.
_LOOK_EVERY_S: Final = 0.02
_GLANCE_EVERY_S: Final = 1.0
#: Longer than any pause that a worker makes with the settings of a rehearsal, and than its first pass over
#: a million rows.
_STANDS_S: Final = 300.0
#: Requests leave in bursts: a kill comes up to so many seconds after the request that it waited for.
_AFTER_S: Final = 0.05
#: How often the same command goes on amid faults, by level, and after they have ended.
_TRIES: Final = {Level.NONE: 0, Level.MILD: 4, Level.STORM: 12}
_CALM_TRIES: Final = 2
#: Exit codes that no fault of a service explains.
_FATAL: Final = frozenset({ExitCode.USAGE, ExitCode.INVENTORY_INVALID, ExitCode.LEDGER})


class WorkerFailed(BulkconnError):
    """The worker ended in a way that no rehearsal foresees."""

    def __init__(self, end: WorkerEnd) -> None:
        is_ledger = end.code == ExitCode.LEDGER
        reason = end.stopped.reason if end.stopped else end.complaint or "it said nothing"
        super().__init__(
            f"the rehearsal's worker ended with exit code {end.code}: {reason}",
            fix="let TMPDIR name a folder on a local disk with space, then run the same command again"
            if is_ledger
            else "please report it: this is a defect of bulkconn",
        )
        self.exit_code = ExitCode.LEDGER if is_ledger else ExitCode.ROWS_UNFINISHED


class WorkerStands(BulkconnError):
    """The worker neither goes on nor ends: a run must not do that, whatever the service does."""

    exit_code = ExitCode.ROWS_UNFINISHED

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the rehearsal's worker has sent nothing for {seconds:g} s, and has not ended",
            fix="please report it, with the seed above: this is a defect of bulkconn",
        )


@dataclass(frozen=True, slots=True)
class Command:
    """What a worker is to run: an inventory of so many rows in a folder, with these settings."""

    folder: Path
    inventory: Path
    settings: Mapping[str, str]
    rows: int


@dataclass(frozen=True, slots=True)
class Played:
    """What happened: the emulator's totals before, when the last row was finished, and after one run more.

    `end` is how the last worker ended.
    """

    before: Totals
    after: Totals
    last: Totals
    kills: int
    restarts: int
    end: WorkerEnd


class Conductor:
    """One rehearsal. `kills` and `starts` count while it goes on."""

    def __init__(self, command: Command, admin: EmulatorAdmin, level: Level, seed: int) -> None:
        self._command = command
        self._admin = admin
        self._level = level
        self._seed = seed
        # A rehearsal can be played again; these dice guard nothing.
        self._dice = Random(f"{seed}/kills")  # noqa: S311 - see above
        self._kills_planned = kills_of(level, command.rows)
        self.kills = 0
        self.starts = 0

    async def play(self, log: FilteringBoundLogger) -> Played:
        """Rehearse: amid faults and kills until every row is finished, then the same command once more.

        Raises:
            WorkerFailed: the worker ended in a way that no fault explains.
            WorkerStands: it did not end at all.
            EmulatorGone: the emulator ended.
        """
        before = await self._admin.totals()
        end = await self._finish(log)
        after, restarts = await self._admin.totals(), self.starts - 1
        if end.code in {ExitCode.OK, ExitCode.ROWS_UNFINISHED}:
            end = await self._run(may_be_killed=False) or end
        return Played(before, after, await self._admin.totals(), self.kills, restarts, end)

    async def _finish(self, log: FilteringBoundLogger) -> WorkerEnd:
        """Start the worker until every row is finished, or nothing helps any more; give its last end."""
        plan = plan_level(FaultLevel(self._level), rows=self._command.rows, seed=self._seed)
        await self._admin.plan_faults(plan, seed=self._seed)
        tries_left = _TRIES[self._level]
        while True:
            end = await self._run(may_be_killed=self.kills < self._kills_planned)
            if end is None:
                log.info("rehearsal.worker_killed", kills=self.kills)
                continue
            log.info("rehearsal.worker_ended", exit_code=end.code)
            tries_left -= 1
            if not _may_go_on(end) or tries_left < -_CALM_TRIES:
                break
            if tries_left < 0:
                await self._clear()
        await self._clear()
        return end

    async def _clear(self) -> None:
        await self._admin.plan_faults(FaultPlan(), seed=self._seed)

    async def _run(self, *, may_be_killed: bool) -> WorkerEnd | None:
        """Run until the end, or (None) until it is killed."""
        self.starts += 1
        command = self._command
        async with working(command.folder, command.inventory, command.settings) as worker:
            if await self._attend(worker, may_be_killed=may_be_killed):
                self.kills += 1
                return None
            end = await worker.end()
        if end.code in _FATAL:
            raise WorkerFailed(end)
        return end

    async def _attend(self, worker: Worker, *, may_be_killed: bool) -> bool:
        """Kill a worker somewhere on its way (True), or see it through to its end.

        Raises:
            WorkerStands: it does nothing, and does not end.
        """
        start = last = await self._admin.introduction()
        point = self._next_kill(start) if may_be_killed else None
        after_s = self._dice.uniform(0.0, _AFTER_S)
        since_s = time.monotonic()
        while not await worker.ends_within(_GLANCE_EVERY_S if point is None else _LOOK_EVERY_S):
            now = await self._admin.introduction()
            if point is not None and _is_due(point, start, now):
                await asyncio.sleep(after_s)
                return await worker.kill()
            if now.api_requests != last.api_requests:
                last, since_s = now, time.monotonic()
            elif time.monotonic() - since_s > _STANDS_S:
                raise WorkerStands(_STANDS_S)
        return False

    def _next_kill(self, start: Introduction) -> KillPoint:
        remaining = max(0, self._command.rows - start.connection_count)
        kills_left = self._kills_planned - self.kills
        return next_kill(remaining, kills_left, (self._dice.random(), self._dice.random()))


def _is_due(point: KillPoint, start: Introduction, now: Introduction) -> bool:
    sent = now.api_requests - start.api_requests if point.counts_lookups else now.posts - start.posts
    return sent >= point.after


def _may_go_on(end: WorkerEnd) -> bool:
    """Say whether the same command again can still change anything."""
    if end.code == ExitCode.OK:
        return False
    unsettled = end.counts.get("pending", 0) + end.counts.get("in_doubt", 0)
    # Rows that are failed or held stay so; of a worker that died by itself nothing is known.
    return end.code != ExitCode.ROWS_UNFINISHED or unsettled > 0
