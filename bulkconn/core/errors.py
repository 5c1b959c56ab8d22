"""The exceptions that stop a command, and the exit code that each one means.

One row's trouble is a value (`Diagnostic`, `Outcome`); only a whole command's trouble is raised::

    BulkconnError                       carries a `fix`: what the reader can do
    ├── UsageError                  2   wrong flags, configuration, or a ledger of another target
    ├── InventoryInvalid            3   the inventory has errors; nothing was sent
    ├── InventoryChanged            3   it changed between the check and the work
    ├── LedgerError                 5   damaged, unwritable
    │   ├── LedgerLocked            5   another process holds it
    │   ├── LeaseLost               5   another worker took over what this one held
    │   └── LedgerTooNew            5   written by a newer bulkconn
    ├── AnsweredLate                –   the row about to be sent again was created: here is its id
    └── IllegalMove                 –   a bug of ours: a state change that the lifecycle forbids
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.diagnostics import Diagnostic


class ExitCode(IntEnum):
    """What a command's exit status says to the script that called it."""

    #: Every row is created or adopted (`plan`: nothing stands against a run).
    OK = 0
    #: All rows were tried, some are failed, held, in doubt, changed or invalid.
    ROWS_UNFINISHED = 1
    #: Wrong usage or configuration, also a ledger of another target.
    USAGE = 2
    #: The inventory is invalid; nothing was sent.
    INVENTORY_INVALID = 3
    #: Rows stay pending for a reason that is not theirs: mend it, then the same command again.
    STOPPED = 4
    #: The ledger is locked, damaged, unwritable or from a newer version.
    LEDGER = 5
    #: SIGINT; the ledger is whole and the same command goes on.
    INTERRUPTED = 130
    #: SIGTERM; the ledger is whole and the same command goes on.
    TERMINATED = 143


class BulkconnError(Exception):
    """A command cannot go on. `str()` says what happened, `fix` what the reader can do about it.

    `ledger` is the ledger that the command was about, as shown to people; None where that is unknown.
    """

    exit_code = ExitCode.USAGE
    ledger: str | None = None

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class UsageError(BulkconnError):
    """A flag, an environment variable or a configuration file is wrong or missing."""


class InventoryInvalid(BulkconnError):
    """The inventory has errors; `diagnostics` holds all of them. Nothing was sent."""

    exit_code = ExitCode.INVENTORY_INVALID

    def __init__(self, message: str, *, fix: str, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(message, fix=fix)
        self.diagnostics = tuple(diagnostics)


class InventoryChanged(BulkconnError):
    """An inventory changed between its check and its use; what was sent before is in the ledger."""

    exit_code = ExitCode.INVENTORY_INVALID


class LedgerError(BulkconnError):
    """The ledger cannot be read or written. Nothing is sent that it could not record."""

    exit_code = ExitCode.LEDGER


class LedgerLocked(LedgerError):
    """Another process holds the ledger; wait for it to end, or use another ledger."""


class LeaseLost(LedgerError):
    """Another worker took over what this one held: its rows are no longer ours to move or to send.

    Answers that still arrive are kept as evidence, and the other worker finds them.
    """


class LedgerTooNew(LedgerError):
    """A newer bulkconn wrote this ledger; upgrade, older programs must not touch it."""


class AnsweredLate(Exception):
    """An intent is refused because a 201 of an earlier attempt was recorded meanwhile.

    It was recorded by a worker that had lost the row by then. Nothing of the commit was written; the row
    is created under `connection_id`.
    """

    def __init__(self, connection_id: str) -> None:
        super().__init__(f"an earlier attempt was answered late: it created {connection_id}")
        self.connection_id = connection_id


class IllegalMove(Exception):
    """A state change that the lifecycle forbids was asked for: a defect of bulkconn, never of the data."""
