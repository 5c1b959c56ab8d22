"""What the user decides about a run, grouped by whom it concerns. Defaults are the documented ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from bulkconn.core.plan import OnExisting, Reopen


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """How fast, and how many at once.

    `rate_per_s` is a ceiling that no window of a second passes, lookups included (> 0).
    """

    rate_per_s: float = 10.0
    concurrency: int = 20


@dataclass(frozen=True, slots=True)
class PatienceSettings:
    """How often and how long to try. Seconds; counts are per row.

    `max_attempts` is for requests that were certainly not processed (a row and run); `max_resends`
    for POSTs that may have been, after settling found nothing. `settle_grace_s` None: never again.
    """

    max_attempts: int = 5
    max_resends: int = 2
    settle_grace_s: float | None = 120.0
    max_wait_s: float = 300.0
    drain_s: float = 20.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything the engine is told about a run.

    `client_id` is what the service shows as `createdClient`. `has_marker` appends a proof of ownership
    to each description. `reopen` says which finished rows are taken up once more.
    """

    pace: PaceSettings = field(default_factory=PaceSettings)
    patience: PatienceSettings = field(default_factory=PatienceSettings)
    on_existing: OnExisting = OnExisting.HOLD
    reopen: Reopen = field(default_factory=Reopen)
    has_marker: bool = False
    client_id: str | None = None

    def as_recorded(self) -> dict[str, object]:
        """Give the settings as the ledger keeps them with a run: none of them is a secret."""
        pace, patience = self.pace, self.patience
        return {
            "rate_per_s": pace.rate_per_s,
            "concurrency": pace.concurrency,
            "max_attempts": patience.max_attempts,
            "max_resends": patience.max_resends,
            "settle_grace_s": patience.settle_grace_s,
            "max_wait_s": patience.max_wait_s,
            "drain_s": patience.drain_s,
            "on_existing": self.on_existing.value,
            "retry_failed": self.reopen.failed,
            "error_codes": sorted(self.reopen.codes),
            "recreate": self.reopen.deleted,
            "marker": self.has_marker,
        }
