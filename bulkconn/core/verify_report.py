"""What `verify` tells at its end, in the shape that scripts rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bulkconn.core.errors import ExitCode
from bulkconn.core.verification import REMEDIES, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.report import Stop


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Rows whose connections have one verdict for one cause; `example` is a key with its message."""

    verdict: Verdict
    code: str
    rows: int
    example: str

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {
            "verdict": self.verdict.value,
            "code": self.code,
            "rows": self.rows,
            "example": self.example,
            "fix": REMEDIES[self.verdict],
        }


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result of a verification, also of the part of it that an earlier process did.

    `verified_before` are the rows whose word an earlier process of this round brought; `unknown` are those
    of which the service said nothing that can be relied upon, or that were not come to.
    """

    run_id: str | None
    ledger: str | None
    counts: Mapping[Verdict, int]
    unknown: int
    groups: Sequence[CauseGroup]
    lookups: int
    duration_s: float
    exit_code: ExitCode
    stopped: Stop | None = None
    verified_before: int = 0

    @property
    def rows(self) -> int:
        """How many rows were to be verified."""
        return sum(self.counts.values()) + self.unknown

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON value of `verify`."""
        return {
            "run_id": self.run_id,
            "ledger": self.ledger,
            "rows": self.rows,
            "counts": {verdict.value: self.counts.get(verdict, 0) for verdict in Verdict},
            "unknown": self.unknown,
            "verified_before": self.verified_before,
            "groups": [group.as_json() for group in self.groups],
            "lookups": self.lookups,
            "stopped": self.stopped.as_json() if self.stopped else None,
            "duration_s": round(self.duration_s, 3),
            "exit_code": int(self.exit_code),
        }


def verify_exit_code(counts: Mapping[Verdict, int], unknown: int, *, stopped: Stop | None) -> ExitCode:
    """Give the exit code of a verification that was not interrupted: 0 when every connection is well."""
    if stopped is not None:
        return ExitCode.STOPPED
    is_well = not unknown and not any(rows for verdict, rows in counts.items() if verdict is not Verdict.OK)
    return ExitCode.OK if is_well else ExitCode.ROWS_UNFINISHED
