"""Collects what is wrong with one row, so that all of it can be shown at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from bulkconn.core.endpoint import InventoryRow

#: What every remedy ends with: it is safe to go on.
AGAIN: Final = "then run the same command; rows already created are skipped"
#: The remedy where nothing better is known.
CORRECT_CELL: Final = f"correct the cell, {AGAIN}"


class Findings:
    """The diagnostics of one row. Created for every row, so it does nothing until something is wrong.

    `said` holds what was said once for the whole file; rows share it.
    """

    __slots__ = ("_row", "_said", "errors", "warnings")

    def __init__(self, row: InventoryRow, said: set[tuple[str, str]]) -> None:
        self._row = row
        self._said = said
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def error(
        self,
        column: str | None,
        message: str,
        *,
        found: str | None = None,
        allowed: str | None = None,
        fix: str = CORRECT_CELL,
    ) -> None:
        """Note that the row cannot be used. `found` must not be a secret."""
        self.errors.append(self._diagnostic(Severity.ERROR, column, message, (found, allowed, fix)))

    def warn(self, column: str, message: str, *, fix: str) -> None:
        """Note something that the reader should look at."""
        self.warnings.append(self._diagnostic(Severity.WARNING, column, message, (None, None, fix)))

    def warn_once(self, column: str, message: str, *, fix: str) -> None:
        """Note something that is true of many rows of a file, at the first of them."""
        if (self._row.file, message) not in self._said:
            self._said.add((self._row.file, message))
            self.warn(column, message, fix=fix)

    def _diagnostic(
        self,
        severity: Severity,
        column: str | None,
        message: str,
        details: tuple[str | None, str | None, str],
    ) -> Diagnostic:
        found, allowed, fix = details
        return Diagnostic(
            severity=severity,
            file=self._row.file,
            row=self._row.row,
            column=None if column is None else shown(column),
            message=message,
            found=None if found is None else shown(found),
            allowed=allowed,
            fix=fix,
        )
