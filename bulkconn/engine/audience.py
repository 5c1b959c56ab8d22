"""Everybody who listens to a run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from structlog.typing import FilteringBoundLogger

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import RunId
    from bulkconn.core.protocols import Listener
    from bulkconn.engine.context import World


class Audience:
    """Everybody who listens, as one `Listener`. One that fails is sent away, and the run goes on."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._listeners: tuple[Listener, ...] = ()
        #: Whether anybody wants to hear of single rows and requests.
        self.hears_rows = False

    @classmethod
    def joined(cls, world: World, listener: Listener) -> World:
        """Give the world with one more who listens."""
        audience = cls(world.log)
        for one in (world.listener, listener):
            if one is not None:
                audience.add(one)
        return dataclasses.replace(world, listener=audience)

    def add(self, listener: Listener) -> None:
        """Let somebody hear from now on."""
        self._set((*self._listeners, listener))

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:
        """Tell everybody."""
        for one in self._listeners:
            try:
                one.hear(fact, at, run_id)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop a run
                self._set(tuple(other for other in self._listeners if other is not one))
                self._log.warning("listener.failed", listener=type(one).__name__, error=type(error).__name__)

    def _set(self, listeners: tuple[Listener, ...]) -> None:
        self._listeners = listeners
        self.hears_rows = any(one.hears_rows for one in listeners)
