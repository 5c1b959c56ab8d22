"""The proof of a rehearsal: what exists according to the service's own books, against what the ledger says.

Every connection must be held by the one row that it was made for, and every row must hold one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import ExitCode
from bulkconn.core.record import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.forecast import Forecast
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.rehearsal import Level
    from bulkconn.core.report import Report

#: What contradicts the promise is shown so often; all of it is counted.
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Existing:
    """A connection in the service's books."""

    connection_id: str
    sandbox: str
    name: str
    connection_spec_id: str


@dataclass(slots=True)
class Audit:
    """Compares connection by connection; what it keeps does not grow with their number.

    `matched` are held by the row that they were made for, `strayed` by another one, `twins` are named by
    their row without being held by it, `lost` are unknown to the ledger. `settled` of the matched were found
    by a lookup, not told by a reply.
    """

    matched: int = 0
    settled: int = 0
    strayed: int = 0
    twins: int = 0
    lost: int = 0
    #: The first few contradictions in words.
    examples: list[str] = field(default_factory=list)

    def compare(self, existing: Existing, holder: LedgerRecord | None, namesake: LedgerRecord | None) -> None:
        """Count a connection in.

        Args:
            existing: What the books say.
            holder: The row that holds its id; None: there is none.
            namesake: The row of its name; asked for where nobody holds the id.
        """
        if holder is not None and _is_of(existing, holder):
            self.matched += 1
            self.settled += holder.provenance is Provenance.LOOKUP
        elif holder is not None:
            self.strayed += 1
            self._show(f"{existing.connection_id} is {existing.name}, but row {holder.key} holds it")
        elif namesake is not None and existing.connection_id in namesake.other_ids:
            self.twins += 1
            self._show(f"{existing.connection_id} ({existing.name}) is in question at row {namesake.key}")
        else:
            self.lost += 1
            self._show(f"{existing.connection_id} ({existing.name}) is in no row of the ledger")

    def _show(self, text: str) -> None:
        if len(self.examples) < _SHOWN:
            self.examples.append(text)


def _is_of(existing: Existing, row: LedgerRecord) -> bool:
    return (row.sandbox, row.name, row.connection_spec_id) == (
        existing.sandbox,
        existing.name,
        existing.connection_spec_id,
    )


class Verdict(StrEnum):
    """What a rehearsal shows."""

    #: Every row has exactly one connection, and the ledger knows its id.
    PROVEN = "proven"
    #: Nothing is doubled or lost, but rows did not finish.
    UNFINISHED = "unfinished"
    #: Something is doubled, lost, invented or sent again.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Proof:
    """The figures that must be 0, beside how many rows and connections there are.

    `duplicates` are connections beyond the first of a sandbox, connection spec and name; `lost` exist, but
    the ledger does not know them; `invented` are ids of the ledger that the service never gave out, or gave
    to another row; `sent_again` are POSTs of one more run after the last row was finished.
    """

    rows: int
    created: int
    connections: int
    duplicates: int
    lost: int
    invented: int
    sent_again: int
    examples: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Say what the figures mean."""
        if self.duplicates or self.lost or self.invented or self.sent_again:
            return Verdict.BROKEN
        is_whole = self.created == self.connections == self.rows
        return Verdict.PROVEN if is_whole else Verdict.UNFINISHED

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {
            "verdict": self.verdict.value,
            "connections": self.connections,
            "duplicates": self.duplicates,
            "lost": self.lost,
            "invented": self.invented,
            "sent_again": self.sent_again,
            "examples": list(self.examples),
        }


@dataclass(frozen=True, slots=True)
class Requests:
    """What the service saw until the last row was finished. `throttled` were answered 429."""

    posts: int
    lookups: int
    tokens: int
    throttled: int

    def per_row(self, rows: int) -> float:
        """Give POSTs and lookups a row."""
        return (self.posts + self.lookups) / rows if rows else 0.0

    @property
    def throttled_share(self) -> float:
        """The share of POSTs and lookups that were answered 429."""
        return self.throttled / max(1, self.posts + self.lookups)


@dataclass(frozen=True, slots=True)
class Trial:
    """What the worker was put through. `emulator` is its URL; None: it was inside the process."""

    level: Level
    seed: int
    emulator: str | None
    faults: Mapping[str, int]
    kills: int
    restarts: int
    requests: Requests


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The result of a rehearsal. `report` has what every command tells; its ledger, if any, was kept."""

    report: Report
    trial: Trial
    proof: Proof
    forecast: Forecast

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON value: that of a run, and `rehearsal`."""
        trial, rows = self.trial, self.proof.rows
        requests = trial.requests
        return {
            **self.report.as_json(),
            "rehearsal": {
                "faults": trial.level.value,
                "seed": trial.seed,
                "emulator": trial.emulator,
                "proof": self.proof.as_json(),
                "faults_met": dict(trial.faults),
                "kills": trial.kills,
                "restarts": trial.restarts,
                "requests": {
                    "posts": requests.posts,
                    "lookups": requests.lookups,
                    "tokens": requests.tokens,
                    "throttled": requests.throttled,
                    "per_row": round(requests.per_row(rows), 3),
                },
                "forecast": self.forecast.as_json(),
            },
        }


def rehearsal_exit_code(proof: Proof, *, invalid: int) -> ExitCode:
    """Give the exit code: 0 where the promise held and a run of all rows would end well."""
    if proof.verdict is Verdict.PROVEN and not invalid:
        return ExitCode.OK
    return ExitCode.ROWS_UNFINISHED
