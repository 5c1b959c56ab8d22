"""The numbers: counted where things happen, read when asked. No label holds what an inventory says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bulkconn.core.record import Move

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.protocols import Clock, Pacer
    from bulkconn.core.record import Change

#: States that a row's work comes to; `pending` and `sending` are on the way.
_OUTCOMES: Final = ("created", "adopted", "failed", "held", "in_doubt")
_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: Seconds without a word of the database after which a worker is not ready.
_STALE_S: Final = 20.0


class Meters:
    """All numbers of one worker."""

    def __init__(self, pacer: Pacer, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._looked_at_s: float | None = None
        self._rows = Counter(
            "bulkconn_rows", "Rows that this worker moved to a state.", ["outcome"], registry=self.registry
        )
        self._requests = Counter(
            "bulkconn_requests",
            "Requests to Flow Service by what came back: a status, or not_sent, or maybe_processed.",
            ["kind", "result"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "bulkconn_request_seconds",
            "Time from a request's first byte to the end of its answer.",
            ["kind"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._closed = Counter(
            "bulkconn_gate_closed_seconds", "Time for which the gate was closed.", registry=self.registry
        )
        self._pacer = pacer
        self._gauges(pacer)
        for outcome in _OUTCOMES:
            self._rows.labels(outcome)

    def _gauges(self, pacer: Pacer) -> None:
        pace = Gauge("bulkconn_pace_per_second", "Pace of all workers together.", registry=self.registry)
        pace.set_function(lambda: pacer.rate_per_s)
        ceiling = Gauge("bulkconn_pace_ceiling_per_second", "What --rate allows.", registry=self.registry)
        ceiling.set_function(lambda: pacer.ceiling_per_s)
        self._queue = Gauge(
            "bulkconn_queue_shards", "Shards of the ledger by state.", ["state"], registry=self.registry
        )
        self._in_doubt = Gauge(
            "bulkconn_rows_in_doubt", "Rows in doubt, in the whole ledger.", registry=self.registry
        )
        self._lease_age = Gauge(
            "bulkconn_lease_age_seconds",
            "Age of the oldest lease of this worker since its last sign of life; 0 without one.",
            registry=self.registry,
        )

    @property
    def is_ready(self) -> bool:
        """Tell whether the database answered lately."""
        return self._looked_at_s is not None and self._clock.elapsed_s() - self._looked_at_s < _STALE_S

    def on_changes(self, changes: Sequence[Change]) -> None:
        """Count rows whose new state is durable."""
        for change in changes:
            if isinstance(change, Move) and change.to in _OUTCOMES:
                self._rows.labels(change.to.value).inc()

    def on_request(self, kind: str, result: str, seconds: float) -> None:
        """Count a request and its time."""
        self._requests.labels(kind, result).inc()
        self._seconds.labels(kind).observe(seconds)

    def on_load(self, shards: Mapping[str, int], in_doubt: int, lease_age_s: float) -> None:
        """Take what the database says: shards by state, rows in doubt, the age of this worker's leases."""
        self._looked_at_s = self._clock.elapsed_s()
        for state, count in shards.items():
            self._queue.labels(state).set(count)
        self._in_doubt.set(in_doubt)
        self._lease_age.set(lease_age_s)

    def on_time(self, seconds: float) -> None:
        """Count time that has passed towards the closed gate, if it is closed."""
        if self._pacer.closed_for_s > 0.0:
            self._closed.inc(seconds)

    def as_text(self) -> bytes:
        """Give all numbers in Prometheus's text format."""
        return generate_latest(self.registry)
