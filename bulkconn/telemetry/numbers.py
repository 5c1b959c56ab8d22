"""The metrics of a run as OpenTelemetry's instruments. No attribute holds what an inventory says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation

from bulkconn.core.facts import GateOpened, PaceChanged, RequestEnded, RowMoved
from bulkconn.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from opentelemetry.metrics import CallbackOptions, Meter

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import RunId

_OUTCOMES: Final = frozenset({State.CREATED, State.ADOPTED, State.FAILED, State.HELD, State.IN_DOUBT})


class Numbers:
    """A `Listener` that counts facts."""

    hears_rows = True

    def __init__(self, meter: Meter) -> None:
        self._pace: tuple[float, float] | None = None
        self._rows = meter.create_counter("bulkconn.rows", "{row}", "Rows moved to a state.")
        self._seconds = meter.create_histogram(
            "bulkconn.request.duration", "s", "Time from a request's first byte to the end of its answer."
        )
        self._closed = meter.create_counter(
            "bulkconn.gate.closed", "s", "Time for which the gate was closed."
        )
        meter.create_observable_gauge(
            "bulkconn.pace", [self._observe_pace], "{request}/s", "The pace, and what --rate allows."
        )

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:  # noqa: ARG002 - a Listener's
        """Count what happens."""
        match fact:
            case RowMoved():
                if fact.move.to in _OUTCOMES:
                    self._rows.add(1, {"outcome": fact.move.to.value})
            case RequestEnded(kind, _, result, seconds):
                self._seconds.record(seconds, {"kind": kind.value, "result": result})
            case GateOpened(seconds):
                self._closed.add(seconds)
            case PaceChanged(rate, ceiling, _):
                self._pace = (rate, ceiling)
            case _:
                pass

    def _observe_pace(self, _options: CallbackOptions) -> Iterable[Observation]:
        if self._pace is None:
            return
        for what, value in zip(("now", "ceiling"), self._pace, strict=True):
            yield Observation(value, {"what": what})
