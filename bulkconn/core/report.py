"""Station 8: what a command tells at its end, in the shape that scripts rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.outcome import Scope
    from bulkconn.core.record import ErrorGroup

#: The final states of rows, in the documented order. They add up to `rows`.
COUNT_NAMES: Final = ("created", "adopted", "failed", "held", "in_doubt", "pending", "changed", "invalid")
#: A state of its own that is counted only where a row is in it.
DELETED_NAME: Final = "deleted"
#: As what rows of an inventory may end whose connection is not as the inventory has it, or is not there.
UNFINISHED: Final = ("failed", "held", "in_doubt", "changed", "invalid", DELETED_NAME)
#: What this process did, in the documented order.
THIS_RUN_NAMES: Final = ("created", "adopted", "settled", "skipped", "posts", "lookups", "throttled")


class Tally:
    """Counts that follow every row from state to state, so that they always add up to `rows`."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self._counts = dict.fromkeys((*COUNT_NAMES, "deleted"), 0)
        for name, rows in (counts or {}).items():
            self.add("in_doubt" if name == "sending" else name, rows)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self._counts.values())

    @property
    def counts(self) -> dict[str, int]:
        """Rows per final state, every documented name present; `deleted` only where a row is."""
        return {name: rows for name, rows in self._counts.items() if rows or name in COUNT_NAMES}

    def add(self, name: str, rows: int = 1) -> None:
        """Count rows in."""
        self._counts[name] += rows

    def move(self, source: str, target: str) -> None:
        """Let one row change its place."""
        self.add(source, -1)
        self.add(target)


@dataclass(slots=True)
class ThisRun:
    """What this process did. `skipped` were finished before it began."""

    created: int = 0
    adopted: int = 0
    settled: int = 0
    skipped: int = 0
    posts: int = 0
    lookups: int = 0
    throttled: int = 0

    def as_json(self) -> dict[str, int]:
        """Give the documented keys in their order."""
        return {name: getattr(self, name) for name in THIS_RUN_NAMES}


@dataclass(frozen=True, slots=True)
class Stop:
    """Why rows were left for a reason that is not theirs, whom it concerns, and how to mend it."""

    reason: str
    scope: Scope
    fix: str

    def as_json(self) -> dict[str, str]:
        """Give the documented keys."""
        return {"reason": self.reason, "scope": self.scope.value, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a command. `left_behind` rows are pending because only failed ones were asked for."""

    run_id: str | None
    ledger: str | None
    counts: Mapping[str, int]
    this_run: ThisRun
    duration_s: float
    exit_code: ExitCode
    diagnostics: Sequence[Diagnostic] = ()
    stopped: Stop | None = None
    groups: Sequence[ErrorGroup] = field(default=())
    left_behind: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON value of `run`, `plan`, `settle` and `status`."""
        return {
            "run_id": self.run_id,
            "ledger": self.ledger,
            "rows": sum(self.counts.values()),
            "counts": all_counts(self.counts),
            "this_run": self.this_run.as_json(),
            "diagnostics": [diagnostic.as_json() for diagnostic in self.diagnostics],
            "stopped": self.stopped.as_json() if self.stopped else None,
            "duration_s": round(self.duration_s, 3),
            "exit_code": int(self.exit_code),
        }


def all_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Give every documented name, in the documented order; `deleted` only where there are such rows."""
    shown = {name: counts.get(name, 0) for name in COUNT_NAMES}
    deleted = counts.get(DELETED_NAME, 0)
    return shown | ({DELETED_NAME: deleted} if deleted else {})


def settle_exit_code(counts: Mapping[str, int], *, stopped: Stop | None) -> ExitCode:
    """Give the exit code of a settle that was not interrupted: 0 when nothing is in doubt."""
    if stopped is not None:
        return ExitCode.STOPPED
    return ExitCode.ROWS_UNFINISHED if counts.get("in_doubt", 0) else ExitCode.OK


def run_exit_code(counts: Mapping[str, int], *, stopped: Stop | None) -> ExitCode:
    """Give the exit code of a run that was not interrupted.

    Rows that stay pending weigh more than rows that were tried in vain: the same command mends them.
    """
    if stopped is not None or counts.get("pending", 0):
        return ExitCode.STOPPED
    if any(counts.get(name, 0) for name in UNFINISHED):
        return ExitCode.ROWS_UNFINISHED
    return ExitCode.OK
