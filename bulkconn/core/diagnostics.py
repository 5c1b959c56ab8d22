"""What is wrong with an inventory, as values that can be collected, sorted and printed at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict


class Severity(StrEnum):
    """How much a diagnostic weighs."""

    #: The row (or file) cannot be used.
    ERROR = "error"
    #: It can be used, but the reader should look.
    WARNING = "warning"


class DiagnosticJson(TypedDict):
    """The JSON form of a diagnostic; scripts rest on these keys."""

    severity: str
    file: str
    row: int | None
    column: str | None
    message: str
    found: str | None
    allowed: str | None
    fix: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of an inventory: what, where, what was seen, what is allowed, and what to do.

    `row` counts as an editor does (CSV: the header is line 1; JSON: elements from 1; JSONL: lines).
    `row` and `column` are None for a fault of the whole file; `column` is the header as the file
    writes it. `found` is never a secret.
    """

    severity: Severity
    file: str
    message: str
    fix: str
    row: int | None = None
    column: str | None = None
    found: str | None = None
    allowed: str | None = None

    def as_json(self) -> DiagnosticJson:
        """Give the documented JSON keys, in their documented order."""
        return {
            "severity": self.severity.value,
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "message": self.message,
            "found": self.found,
            "allowed": self.allowed,
            "fix": self.fix,
        }
