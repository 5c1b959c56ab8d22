"""What SQLite's errors mean for the person at the keyboard: a `LedgerError` with a remedy."""

from __future__ import annotations

import sqlite3
from typing import Final

from bulkconn.core.errors import LedgerError

DAMAGED_FIX: Final = (
    "keep the file, it may hold the only copy of connection ids: set it aside, export what can be read "
    "with `bulkconn export --ledger FILE`, and go on with a restored copy"
)

# By the primary result code (the low byte of the extended one), because the texts differ by version.
_MEANINGS: Final = {
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "make room on the disk that holds the ledger, then run the same command again",
    ),
    sqlite3.SQLITE_READONLY: (
        "it cannot be written",
        "give this user write access to the ledger and its folder, then run the same command again",
    ),
    sqlite3.SQLITE_PERM: (
        "access is denied",
        "give this user access to the ledger and its folder, then run the same command again",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "see that the folder exists and that this user may read and write there",
    ),
    sqlite3.SQLITE_BUSY: (
        "another program keeps it locked",
        "close other programs that have the file open (a database browser?), then run again",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk reports an input/output error",
        "check the disk; then run the same command again, rows on their way will be settled first",
    ),
    sqlite3.SQLITE_NOTADB: ("it is no SQLite file, or its beginning is damaged", DAMAGED_FIX),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", DAMAGED_FIX),
}
_OTHER_FIX: Final = "check the disk and the file, then run the same command again"


def explain(error: Exception, name: str) -> LedgerError:
    """Translate an error of SQLite, or of reading what it gave, for the ledger called `name`."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        meaning, fix = _MEANINGS.get((code or 0) & 0xFF, (str(error), _OTHER_FIX))
        return LedgerError(f"ledger {name}: {meaning} ({error})", fix=fix)
    return damaged(name, f"it holds {type(error).__name__}: {error}")


def damaged(name: str, what: str) -> LedgerError:
    """Say that a ledger is damaged, and that it must not be thrown away."""
    return LedgerError(f"ledger {name} is damaged: {what}", fix=DAMAGED_FIX)
