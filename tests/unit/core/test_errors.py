"""Exceptions that stop a command: their exit codes are a contract with scripts."""

from __future__ import annotations

import pytest

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import (
    AnsweredLate,
    BulkconnError,
    ExitCode,
    IllegalMove,
    InventoryChanged,
    InventoryInvalid,
    LeaseLost,
    LedgerError,
    LedgerLocked,
    LedgerTooNew,
    UsageError,
)


def test_exit_codes_are_those_of_the_contract() -> None:
    """Scripts rest on these numbers."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "ROWS_UNFINISHED": 1,
        "USAGE": 2,
        "INVENTORY_INVALID": 3,
        "STOPPED": 4,
        "LEDGER": 5,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param(UsageError, 2, id="usage"),
        pytest.param(InventoryChanged, 3, id="inventory changed"),
        pytest.param(LedgerError, 5, id="ledger"),
        pytest.param(LedgerLocked, 5, id="locked"),
        pytest.param(LeaseLost, 5, id="lease lost"),
        pytest.param(LedgerTooNew, 5, id="too new"),
    ],
)
def test_error_says_what_happened_what_to_do_and_the_exit_code(kind: type[BulkconnError], code: int) -> None:
    """Every exception carries its sentence, its remedy and its exit code."""
    error = kind("it broke", fix="mend it")
    assert (str(error), error.fix, error.exit_code) == ("it broke", "mend it", code)


def test_invalid_inventory_carries_all_diagnostics() -> None:
    """All faults of the inventory travel with the one exception."""
    fault = Diagnostic(Severity.ERROR, "a.csv", "port is not a number", "correct the cell")
    error = InventoryInvalid("1 error", fix="correct it", diagnostics=[fault])
    assert (error.diagnostics, error.exit_code, error.fix) == ((fault,), 3, "correct it")


def test_late_answer_carries_the_id_that_it_brought() -> None:
    """The row about to be sent again is created already, and this is its id."""
    late = AnsweredLate("id-7")
    assert late.connection_id == "id-7"
    assert "id-7" in str(late)


def test_illegal_move_is_no_error_of_the_user() -> None:
    """A defect of ours has no remedy for the reader and is not caught with those that have one."""
    assert not issubclass(IllegalMove, BulkconnError)
