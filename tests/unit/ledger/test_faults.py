"""SQLite's errors as sentences with a remedy."""

from __future__ import annotations

import sqlite3

import pytest

from bulkconn.core.errors import ExitCode
from bulkconn.ledger.faults import explain


class CodedError(sqlite3.OperationalError):
    """An error with a result code, as SQLite gives one."""

    def __init__(self, code: int) -> None:
        super().__init__("detail")
        self.sqlite_errorcode = code


@pytest.mark.parametrize(
    ("code", "message", "fix"),
    [
        pytest.param(sqlite3.SQLITE_FULL, "the disk is full", "make room", id="full"),
        pytest.param(sqlite3.SQLITE_READONLY, "cannot be written", "write access", id="read-only"),
        pytest.param(
            sqlite3.SQLITE_READONLY_DBMOVED, "cannot be written", "write access", id="extended code"
        ),
        pytest.param(sqlite3.SQLITE_CANTOPEN, "cannot be opened", "folder exists", id="cannot open"),
        pytest.param(sqlite3.SQLITE_BUSY, "keeps it locked", "close other programs", id="busy"),
        pytest.param(sqlite3.SQLITE_IOERR_FSYNC, "input/output error", "check the disk", id="fsync"),
        pytest.param(sqlite3.SQLITE_CORRUPT, "it is damaged", "keep the file", id="corrupt"),
        pytest.param(sqlite3.SQLITE_NOTADB, "no SQLite file", "keep the file", id="not a database"),
        pytest.param(sqlite3.SQLITE_ERROR, "detail", "check the disk", id="anything else"),
    ],
)
def test_error_of_sqlite_says_what_it_means_and_what_to_do(code: int, message: str, fix: str) -> None:
    """Each has a sentence, a remedy and exit code 5."""
    error = explain(CodedError(code), "eu.ledger.db")
    assert "eu.ledger.db" in str(error)
    assert message in str(error)
    assert fix in error.fix
    assert error.exit_code == ExitCode.LEDGER


def test_error_without_a_code_is_told_by_its_text() -> None:
    """Python raises some errors itself, without a result code."""
    assert "closed" in str(explain(sqlite3.ProgrammingError("Cannot operate on a closed database."), "x"))


def test_value_that_cannot_be_read_is_damage() -> None:
    """What was never written by us was written by a fault."""
    assert "damaged: it holds KeyError: 'exploded'" in str(explain(KeyError("exploded"), "x"))
