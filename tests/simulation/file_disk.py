"""A ledger in a real file, opened by the code that opens a user's, which a crash can also tear."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import LedgerError, LedgerLocked
from bulkconn.ledger.opening import open_store
from tests.simulation.disk import EPOCH, TARGET, Connection, Disk, Trouble
from tests.simulation.loop import replaced

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from bulkconn.ledger.store import SqliteStore
    from tests.simulation.loop import VirtualLoop

#: Where fsync costs nothing; what it is good for is played here, not asked of the machine.
_IN_MEMORY: Final = next((folder for folder in ("/dev/shm",) if os.access(folder, os.W_OK)), None)


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
            self._reader = sqlite3.connect(self._path, isolation_level=None, factory=Connection)
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
        connect = partial(sqlite3.connect, factory=Connection)
        with replaced([(sqlite3, "connect", connect)]):
            return open_store(self._path, TARGET, now=EPOCH, new_ledger_id=self.ledger_id)

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
