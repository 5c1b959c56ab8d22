"""What `rotate` tells at its end, in the shape that scripts rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import ExitCode
from bulkconn.core.remedies import remedy_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.report import Stop
    from bulkconn.core.verify_report import VerifyReport

#: Where the inventory's rows stand, in the documented order. They add up to `rows`.
ROTATE_COUNTS: Final = ("rotated", "failed", "refused", "left", "pending", "invalid")


@dataclass(frozen=True, slots=True)
class RotateGroup:
    """Rows that failed for one cause; `example` is a key with its message, redacted."""

    code: str
    rows: int
    example: str

    @property
    def fix(self) -> str:
        """What to do about it."""
        known = _REMEDIES.get(self.code)
        return known if known is not None else remedy_for(self.code)

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {"code": self.code, "rows": self.rows, "example": self.example, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class RotateReport:
    """The result of a rotation. `skipped` rows were rotated by the process that this one goes on for."""

    run_id: str | None
    ledger: str | None
    counts: Mapping[str, int]
    duration_s: float
    exit_code: ExitCode
    patches: int = 0
    lookups: int = 0
    skipped: int = 0
    throttled: int = 0
    groups: Sequence[RotateGroup] = ()
    diagnostics: Sequence[Diagnostic] = ()
    stopped: Stop | None = None
    verification: VerifyReport | None = field(default=None)

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON value of `rotate`."""
        verification = None if self.verification is None else self.verification.as_json()
        kept = ("rows", "counts", "unknown", "groups")
        return {
            "run_id": self.run_id,
            "ledger": self.ledger,
            "rows": sum(self.counts.values()),
            "counts": {name: self.counts.get(name, 0) for name in ROTATE_COUNTS},
            "this_run": {
                "patches": self.patches,
                "lookups": self.lookups,
                "skipped": self.skipped,
                "throttled": self.throttled,
            },
            "groups": [group.as_json() for group in self.groups],
            "verification": None if verification is None else {name: verification[name] for name in kept},
            "diagnostics": [one.as_json() for one in self.diagnostics],
            "stopped": self.stopped.as_json() if self.stopped else None,
            "duration_s": round(self.duration_s, 3),
            "exit_code": int(self.exit_code),
        }


def rotate_exit_code(
    counts: Mapping[str, int], verification: VerifyReport | None, *, stopped: Stop | None
) -> ExitCode:
    """Give the exit code of a rotation that was not interrupted: 0 when every row has its new credentials."""
    if stopped is not None or counts.get("pending", 0):
        return ExitCode.STOPPED
    is_done = not any(counts.get(name, 0) for name in ROTATE_COUNTS if name != "rotated")
    is_well = verification is None or verification.exit_code is ExitCode.OK
    return ExitCode.OK if is_done and is_well else ExitCode.ROWS_UNFINISHED


_AGAIN: Final = "run the same command again: sending credentials twice does no harm"
_REMEDIES: Final = {
    "stale": f"somebody else goes on changing this connection: agree with them, then {_AGAIN}",
    "gone": "somebody deleted the connection: decide whether the row is to be created again",
    "no_etag": f"the service does not say which version the connection has; {_AGAIN}",
    "secret_unavailable": f"make the secret available, then {_AGAIN}",
    "secret_not_found": f"put the secret there or correct the reference, then {_AGAIN}",
    "secret_denied": f"let bulkconn read it (the store's policy), then {_AGAIN}",
    "not_sent": _AGAIN,
    "no_answer": _AGAIN,
    "1304": f"correct the rows, then {_AGAIN}",
}
