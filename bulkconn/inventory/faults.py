"""Faults of a whole inventory file, and of rows that could not even be read."""

from __future__ import annotations

import os
from typing import Final

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import UsageError
from bulkconn.core.findings import AGAIN
from bulkconn.core.text import shown

#: The remedy where nothing better is known.
CORRECT_FILE: Final = f"correct the file, {AGAIN}"


class Unreadable(Exception):
    """A file cannot be read any further; `diagnostic` says where and why. Travels inside this room only."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def fault(
    file: str,
    message: str,
    *,
    row: int | None = None,
    column: str | None = None,
    allowed: str | None = None,
    fix: str = CORRECT_FILE,
) -> Diagnostic:
    """Give an error. Of the file's content it shows a column's name at most: the rest may be secret."""
    return Diagnostic(
        severity=Severity.ERROR,
        file=file,
        message=message,
        fix=fix,
        row=row,
        column=None if column is None else shown(column),
        allowed=allowed,
    )


def display_name(path: str | os.PathLike[str]) -> str:
    """Give a path as messages and ledger show it: bytes that are no UTF-8 are escaped."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")


def missing_extra(what: str, extra: str) -> UsageError:
    """Give the error for an inventory that needs a library which is not installed."""
    return UsageError(
        f"{what}, and what reads that is not installed",
        fix=f"python3 -m pip install 'bulkconn[{extra}]', then run the same command",
    )
