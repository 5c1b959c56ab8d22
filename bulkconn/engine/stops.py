"""Why no more is sent: the run's end before its time, and the sandboxes and sources set aside in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.outcome import Scope

if TYPE_CHECKING:
    from bulkconn.core.report import Stop


class Stops:
    """Holds the reasons. A stop ends the run like SIGTERM does; parking lets others go on."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._stop: Stop | None = None
        self._parked: dict[tuple[str, str | None], Stop] = {}
        self.is_interrupted = False

    @property
    def is_stopping(self) -> bool:
        """Whether no more may be sent."""
        return self._event.is_set()

    @property
    def reported(self) -> Stop | None:
        """The reason to report: the run's own, else the first thing that was parked."""
        return self._stop or next(iter(self._parked.values()), None)

    def stop(self, reason: Stop) -> None:
        """End the run; the first reason is the one that is told."""
        if self._stop is None:
            self._stop = reason
        self._event.set()

    def interrupt(self) -> None:
        """End the run because the user said so."""
        self.is_interrupted = True
        self._event.set()

    def halt(self) -> None:
        """Send no more, for a reason that is told elsewhere (a ledger that cannot be written)."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until no more may be sent."""
        await self._event.wait()

    async def pause(self, seconds: float) -> None:
        """Sleep, but not beyond the run's end."""
        if seconds <= 0 or self.is_stopping:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return

    def park(self, reason: Stop, sandbox: str, source: str) -> bool:
        """Set a sandbox, or a source in it, aside for this run; True when that is news."""
        place = (sandbox, source if reason.scope is Scope.SOURCE else None)
        if place in self._parked:
            return False
        self._parked[place] = reason
        return True

    def is_parked(self, sandbox: str, source: str) -> bool:
        """Tell whether rows of this sandbox and source stay pending in this run."""
        return bool(self._parked) and ((sandbox, None) in self._parked or (sandbox, source) in self._parked)
