"""The slots of one run in one worker: taken ahead from the shared pace, waited for, used at their times.

A slot that is not used in time is lost, not caught up. While several runs are at work each takes its slots
in rounds of equal size, whatever the number of its workers, and asks for the next one when the last is about
used up. Whoever asks gets the next places on the line, so what one run does not ask for the others have.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bulkconn.core.names import RunId
    from bulkconn.fleet.shared_pace import SharedPacer

#: Seconds' worth of slots of a round, and that a worker takes at once.
WORTH_S: Final = 0.15
#: Seconds before its last slot at which a worker asks for the next ones, and a run for its next round.
_AHEAD_S: Final = 0.075
#: A worker that was sent away may ask so much earlier each time, so that none of a run waits for ever.
_PATIENCE_S: Final = 0.0075
_MOST_PATIENT: Final = 10
#: A slot that was missed by more is lost: so a second holds the slots of 1.05 s at most.
_MISSED_S: Final = 0.05
#: Part of the way from one slot to the next that lies between two requests, if the first one is late.
_APART: Final = 0.5
#: Seconds after which a worker that waits for a slot far away asks whether the gate was closed meanwhile.
_HEAR_S: Final = 0.5


class RunPacer:
    """A `Pacer` for one run: the worker's shared pace, and this run's own slots."""

    def __init__(self, pace: SharedPacer, run_id: RunId) -> None:
        self._pace = pace
        self._run_id = run_id
        self._waiting = asyncio.Lock()
        self._slots: deque[float] = deque()
        self._ahead: asyncio.Task[None] | None = None
        self._sent_away = 0
        self._again_at_s = float("-inf")
        #: From when the next request is not too close to the last.
        self._free_at_s = float("-inf")
        #: Shards that work with it.
        self.users = 0
        self.close_for = pace.close_for
        self.on_accepted = pace.on_accepted
        self.on_strain = pace.on_strain
        self.on_complaint = pace.on_complaint
        self.restart_low = pace.restart_low

    @property
    def rate_per_s(self) -> float:
        """The pace of all together, as last read."""
        return self._pace.rate_per_s

    @property
    def ceiling_per_s(self) -> float:
        """The pace that all together never pass."""
        return self._pace.ceiling_per_s

    @property
    def closed_for_s(self) -> float:
        """Seconds for which somebody has closed the gate, or nobody can be asked."""
        return self._pace.closed_for_s

    @property
    def aboard_limit(self) -> int:
        """So many slots are taken at once, or held while the next ones are asked for."""
        ahead = max(1, round(self._pace.rate_per_s * _AHEAD_S))
        return max(1, round(self._pace.rate_per_s * WORTH_S)) + ahead

    async def acquire(self, wanted: int) -> None:
        """Wait for the next slot of this run here; without one where the gate is closed."""
        async with self._waiting:
            while not self._pace.closed_for_s:
                now_s = time.monotonic()
                while self._slots and self._slots[0] < now_s - _MISSED_S:
                    self._slots.popleft()
                if self._slots and max(self._slots[0], self._free_at_s) <= now_s:
                    self._slots.popleft()
                    self._free_at_s = now_s + _APART / self._pace.rate_per_s
                    self._take_ahead(wanted - 1, now_s)
                    return
                await self._wait(wanted, now_s)

    def forget_slots(self) -> None:
        """Use none of the slots that were taken."""
        self._slots.clear()

    async def _wait(self, wanted: int, now_s: float) -> None:
        """Come a step nearer to the next slot. A closing that is heard of meanwhile must not wait for it."""
        if self._slots and now_s - self._pace.heard_s > _HEAR_S:
            await self._pace.hear()
        elif self._slots:
            await asyncio.sleep(min(max(self._slots[0], self._free_at_s) - now_s, WORTH_S))
        elif self._ahead is not None and not self._ahead.done():
            await asyncio.wait({self._ahead})
        elif self._again_at_s > now_s:
            await asyncio.sleep(min(self._again_at_s - now_s, WORTH_S))
        else:
            await self._take(max(1, wanted))

    def _take_ahead(self, others: int, now_s: float) -> None:
        """Ask for the slots of those who still wait, before the last one that is here is used."""
        is_near = len(self._slots) <= 1 or self._slots[-1] - now_s <= _AHEAD_S
        is_asking = self._ahead is not None and not self._ahead.done()
        if is_near and others > len(self._slots) and not is_asking:
            self._ahead = self._pace.spawn(self._take(others - len(self._slots)))

    async def _take(self, wanted: int) -> None:
        taken = await self._pace.take(self._run_id, wanted, self._ahead_s)
        if taken is None:
            return
        self._slots.extend(taken.times_s)
        if taken.times_s:
            self._sent_away = 0
        else:
            self._sent_away += 1
            self._again_at_s = taken.round_ends_s - self._ahead_s

    @property
    def _ahead_s(self) -> float:
        return _AHEAD_S + _PATIENCE_S * min(self._sent_away, _MOST_PATIENT)
