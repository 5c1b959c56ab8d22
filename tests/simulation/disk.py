"""What survives a process: a ledger in memory that can fail, or a real file that can also be torn."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import LedgerError, LedgerLocked
from bulkconn.core.names import LedgerId
from bulkconn.core.record import Target
from bulkconn.ledger.opening import open_store
from bulkconn.ledger.store import SqliteStore
from tests.simulation.loop import replaced

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.loop import VirtualLoop

TARGET: Final = Target("https://flow.example.com", "ORG@AdobeOrg")
_EPOCH: Final = datetime(2026, 3, 1, tzinfo=UTC)


#: Where fsync costs nothing; what it is good for is played here, not asked of the machine.
_IN_MEMORY: Final = next((folder for folder in ("/dev/shm",) if os.access(folder, os.W_OK)), None)


class Trouble(Enum):
    """What becomes of one transaction of a process."""

    #: The disk is full, nothing was written.
    FULL = "full"
    #: The disk is full, it says; everything was written.
    FULL_ALL_THE_SAME = "full, all the same"
    #: An error of the disk in the midst of the transaction.
    IN_THE_MIDDLE = "in the middle"
    #: Another program has the file locked.
    LOCKED = "locked"
    #: The process dies before anything reached the disk.
    DIES_BEFORE = "dies before"
    #: The process dies with all of it on the disk, and nobody was told.
    DIES_AFTER = "dies after"
    #: The machine dies, and half of it is on the disk (a file only).
    TORN = "torn"


@dataclass(frozen=True, slots=True)
class DiskFault:
    """Which transaction of a process (counted from 0) meets what."""

    transaction: int
    trouble: Trouble


class _Connection(sqlite3.Connection):
    """A connection whose `execute` and `executemany` can be replaced (one of C has no place for that)."""


class Disk(ABC):
    """The committed state of one ledger, whoever holds it."""

    def __init__(self, ledger_id: str, loop: VirtualLoop) -> None:
        self.ledger_id = LedgerId(ledger_id)
        #: What was found out about the disk itself that must not be.
        self.crimes: list[str] = []
        self._loop = loop

    @property
    @abstractmethod
    def connection(self) -> sqlite3.Connection:
        """Give a connection to what is committed."""

    @abstractmethod
    def open(self) -> SqliteStore:
        """Open the ledger as a new process does."""

    def end(self, *, is_killed: bool) -> None:
        """The process that opened it is gone."""
        for method in ("execute", "executemany"):
            self.connection.__dict__.pop(method, None)

    @abstractmethod
    def snapshot(self) -> bytes:
        """Take a copy, as a backup does."""

    @abstractmethod
    def restore(self, copy: bytes) -> None:
        """Put an older copy in its place."""

    @abstractmethod
    def close(self) -> None:
        """Throw it away."""

    @abstractmethod
    def intrude(self) -> None:
        """Start a second process while the first one holds the ledger."""

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read what is committed."""
        return self.connection.execute(sql, values).fetchall()

    def arm(self, fault: DiskFault) -> None:
        """Let one transaction of the process at work meet its fate."""
        execute, execute_many = self.connection.execute, self.connection.executemany
        begun = count()
        is_now = False

        def execute_or_fail(sql: str, *args: Any) -> sqlite3.Cursor:
            nonlocal is_now
            if sql == "BEGIN IMMEDIATE":
                is_now = next(begun) == fault.transaction
            if not is_now:
                return execute(sql, *args)
            return self._fail(fault.trouble, execute, sql, *args)

        def execute_many_or_fail(sql: str, values: Any) -> sqlite3.Cursor:
            if not is_now:
                return execute_many(sql, values)
            return self._fail(fault.trouble, execute_many, sql, values)

        self.connection.__dict__.update(execute=execute_or_fail, executemany=execute_many_or_fail)

    def _fail(
        self, trouble: Trouble, execute: Callable[..., sqlite3.Cursor], sql: str, *args: Any
    ) -> sqlite3.Cursor:
        match trouble, sql.split(maxsplit=1)[0]:
            case Trouble.LOCKED, "BEGIN":
                raise _error(sqlite3.SQLITE_BUSY, "database is locked")
            case Trouble.IN_THE_MIDDLE, "INSERT":
                raise _error(sqlite3.SQLITE_IOERR, "disk I/O error")
            case Trouble.FULL, "COMMIT":
                raise _error(sqlite3.SQLITE_FULL, "database or disk is full")
            case Trouble.FULL_ALL_THE_SAME, "COMMIT":
                execute(sql)
                raise _error(sqlite3.SQLITE_FULL, "database or disk is full")
            case Trouble.DIES_BEFORE, "COMMIT":
                raise self._loop.kill()
            case Trouble.DIES_AFTER | Trouble.TORN, "COMMIT":
                execute(sql)
                raise self._loop.kill()
            case _:
                return execute(sql, *args)


class MemoryDisk(Disk):
    """In memory, where a commit costs next to nothing."""

    _empty: bytes | None = None

    def __init__(self, ledger_id: str, loop: VirtualLoop) -> None:
        super().__init__(ledger_id, loop)
        self._connection = sqlite3.connect(":memory:", isolation_level=None, factory=_Connection)
        if MemoryDisk._empty is None:
            store = SqliteStore(self._connection)
            store.prepare(TARGET, new_ledger_id=self.ledger_id, now=_EPOCH)
            MemoryDisk._empty = self._connection.serialize()
        else:
            self._connection.deserialize(MemoryDisk._empty)
            self._connection.execute("UPDATE meta SET ledger_id = ?", (ledger_id,))

    @property
    def connection(self) -> sqlite3.Connection:
        """Give the one connection there is."""
        return self._connection

    def open(self) -> SqliteStore:
        """Open the ledger as a new process does."""
        store = SqliteStore(self._connection)
        store.attach()
        return store

    def intrude(self) -> None:
        """Do nothing: in memory there is no lock to be tried."""

    def snapshot(self) -> bytes:
        """Take a copy."""
        return self._connection.serialize()

    def restore(self, copy: bytes) -> None:
        """Put an older copy in its place."""
        self._connection.deserialize(copy)

    def close(self) -> None:
        """Throw it away."""
        self._connection.close()


class FileDisk(Disk):
    """A real ledger file with its log and its lock, opened by the code that opens a user's.

    A killed process leaves what is on the disk at that moment; a torn write leaves a log whose last
    transaction is cut off or garbled. What comes back must be the commits before it, all of them.
    """

    def __init__(self, ledger_id: str, loop: VirtualLoop, dice: Random) -> None:
        super().__init__(ledger_id, loop)
        self._dice = dice
        self._folder = tempfile.TemporaryDirectory(prefix="bulkconn-simulation-", dir=_IN_MEMORY)
        self._path = Path(self._folder.name).resolve() / "sim.ledger.db"
        self._log = self._path.with_name(f"{self._path.name}-wal")
        self._store: SqliteStore | None = None
        self._reader: sqlite3.Connection | None = None
        self._torn_from: int | None = None
        self._before: list[tuple[Any, ...]] | None = None
        self.open()
        self.end(is_killed=False)

    @property
    def connection(self) -> sqlite3.Connection:
        """Give the holder's connection; without one, a reader's."""
        if self._store is not None:
            return self._store.connection
        if self._reader is None:
            self._reader = sqlite3.connect(self._path, isolation_level=None, factory=_Connection)
        return self._reader

    def open(self) -> SqliteStore:
        """Open the file as a new process does, and see whether it holds what it held."""
        self._stop_reading()
        self._store = self._open()
        if self._before is not None and self._content() != self._before:
            self.crimes.append("a torn log brought back something else than the commits before")
        self._before = None
        return self._store

    def intrude(self) -> None:
        """Start a second process while the first one holds the ledger."""
        try:
            self._open().close()
        except LedgerLocked:
            return
        except LedgerError as error:
            self.crimes.append(f"a second process was refused for the wrong reason: {error}")
        else:
            self.crimes.append("a second process got hold of a ledger that was held")

    def end(self, *, is_killed: bool) -> None:
        """Close the file; of a killed process only what is on the disk stays, and of a torn write a part."""
        if self._store is None:
            return
        files = (self._path, self._log)
        image = {file: file.read_bytes() for file in files if file.exists()}
        self._store.close()
        self._store = None
        if not is_killed:
            return
        if self._torn_from is not None:
            image[self._log] = self._torn(image[self._log], self._torn_from)
            self._torn_from = None
        for file in (*files, self._path.with_name(f"{self._path.name}-shm")):
            file.unlink(missing_ok=True)
        for file, content in image.items():
            file.write_bytes(content)

    def snapshot(self) -> bytes:
        """Take a copy."""
        return self.connection.serialize()

    def restore(self, copy: bytes) -> None:
        """Put an older copy in its place."""
        self._stop_reading()
        self._log.unlink(missing_ok=True)
        self._path.write_bytes(copy)

    def close(self) -> None:
        """Throw it away."""
        self.end(is_killed=False)
        self._stop_reading()
        self._folder.cleanup()

    def _open(self) -> SqliteStore:
        connect = partial(sqlite3.connect, factory=_Connection)
        with replaced([(sqlite3, "connect", connect)]):
            return open_store(self._path, TARGET, now=_EPOCH, new_ledger_id=self.ledger_id)

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _content(self) -> list[tuple[Any, ...]]:
        """Give all that a run writes, without what opening it may add."""
        tables = ("rows", "attempts", "runs")
        return [row for table in tables for row in self.rows(f"SELECT * FROM {table} ORDER BY id")]  # noqa: S608 - our own names

    def _fail(
        self, trouble: Trouble, execute: Callable[..., sqlite3.Cursor], sql: str, *args: Any
    ) -> sqlite3.Cursor:
        if trouble is Trouble.TORN and sql == "BEGIN IMMEDIATE":
            self._before = self._content()
            self._torn_from = self._log.stat().st_size if self._log.exists() else 0
        return super()._fail(trouble, execute, sql, *args)

    def _torn(self, log: bytes, begin: int) -> bytes:
        """Leave the last transaction half written: cut off, garbled, or as holes that were never filled."""
        if begin >= len(log):
            self._before = None
            return log
        at = self._dice.randrange(begin, len(log))
        match self._dice.randrange(3):
            case 0:
                return log[:at]
            case 1:
                return log[:at] + bytes([log[at] ^ 0x5A]) + log[at + 1 :]
            case _:
                return log[:at] + bytes(len(log) - at) if any(log[at:]) else log[:at]


def _error(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error
