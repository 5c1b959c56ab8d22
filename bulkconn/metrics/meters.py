"""The numbers: counted where things happen, read when asked. No label holds what an inventory says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bulkconn.core.facts import GateClosed, PaceChanged, RequestEnded, RowMoved, RunBegan
from bulkconn.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import RunId
    from bulkconn.core.protocols import Clock, PaceShown

#: States that a row's work comes to; `pending` and `sending` are on the way.
_OUTCOMES: Final = ("created", "adopted", "failed", "held", "in_doubt")
_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: Seconds without a word of the database after which a worker is not ready.
_STALE_S: Final = 20.0


class Meters:
    """All numbers of one run or worker: a `Listener`.

    `pacer` is a worker's, whose pace others change too; a run tells of its own. What a run has of a worker's
    numbers is nought: shards in a queue and leases.
    """

    hears_rows = True

    def __init__(self, clock: Clock, pacer: PaceShown | None = None) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._looked_at_s: float | None = None
        self._has_begun = self._counts_all = False
        self._rate_per_s = self._ceiling_per_s = 0.0
        self._closed_until_s = 0.0
        self._rows = Counter(
            "bulkconn_rows", "Rows that this process moved to a state.", ["outcome"], registry=self.registry
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
        self._gauges()
        for outcome in _OUTCOMES:
            self._rows.labels(outcome)

    def _gauges(self) -> None:
        pacer = self._pacer
        pace = Gauge(
            "bulkconn_pace_per_second", "Pace of the run, or of all workers together.", registry=self.registry
        )
        pace.set_function(lambda: self._rate_per_s if pacer is None else pacer.rate_per_s)
        ceiling = Gauge("bulkconn_pace_ceiling_per_second", "What --rate allows.", registry=self.registry)
        ceiling.set_function(lambda: self._ceiling_per_s if pacer is None else pacer.ceiling_per_s)
        self._queue = Gauge(
            "bulkconn_queue_shards", "Shards of the ledger by state.", ["state"], registry=self.registry
        )
        self._in_doubt = Gauge(
            "bulkconn_rows_in_doubt",
            "Rows in doubt: of a run's inventories, of the whole ledger else.",
            registry=self.registry,
        )
        self._lease_age = Gauge(
            "bulkconn_lease_age_seconds",
            "Age of the oldest lease of this worker since its last sign of life; 0 without one.",
            registry=self.registry,
        )

    @property
    def is_ready(self) -> bool:
        """Tell whether a worker's database answered lately, or a run has begun."""
        if self._pacer is None:
            return self._has_begun
        return self._looked_at_s is not None and self._clock.elapsed_s() - self._looked_at_s < _STALE_S

    @property
    def trouble(self) -> str:
        """Say, where it is not ready, why."""
        if self._pacer is None:
            return "the run has not begun: inventories and names are looked at"
        return "the ledger's database has not answered lately"

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:  # noqa: ARG002 - a Listener's
        """Count what happens."""
        match fact:
            case RequestEnded(kind, _, result, seconds):
                self._requests.labels(kind.value, result).inc()
                self._seconds.labels(kind.value).observe(seconds)
            case RowMoved():
                if fact.move.to in _OUTCOMES:
                    self._rows.labels(fact.move.to.value).inc()
                if self._pacer is None and (fact.is_counted or self._counts_all):
                    # A worker asks the database: it is not the only one.
                    self._in_doubt.inc((fact.move.to is State.IN_DOUBT) - (fact.was is State.IN_DOUBT))
            case PaceChanged(rate, ceiling, _):
                self._rate_per_s, self._ceiling_per_s = rate, ceiling
            case GateClosed(_, seconds):
                self._closed_until_s = max(self._closed_until_s, self._clock.elapsed_s() + seconds)
            case RunBegan():
                self._has_begun = True
                self._counts_all = fact.rows is None
                if self._pacer is None:
                    self._in_doubt.set(fact.in_doubt)
            case _:
                pass

    def on_load(self, shards: Mapping[str, int], in_doubt: int, lease_age_s: float) -> None:
        """Take what the database says: shards by state, rows in doubt, the age of this worker's leases."""
        self._looked_at_s = self._clock.elapsed_s()
        for state, count in shards.items():
            self._queue.labels(state).set(count)
        self._in_doubt.set(in_doubt)
        self._lease_age.set(lease_age_s)

    def on_time(self, seconds: float) -> None:
        """Count time that has passed towards the closed gate, if it is closed."""
        others_s = 0.0 if self._pacer is None else self._pacer.closed_for_s
        if others_s > 0.0 or self._clock.elapsed_s() < self._closed_until_s:
            self._closed.inc(seconds)

    def as_text(self) -> bytes:
        """Give all numbers in Prometheus's text format."""
        return generate_latest(self.registry)
