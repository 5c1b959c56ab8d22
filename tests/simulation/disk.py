"""What survives a process: a ledger in memory that can fail, or a real file that can also be torn."""

from __future__ import annotations

import pickle
import sqlite3
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bulkconn.core.names import LedgerId
from bulkconn.core.record import Target
from bulkconn.ledger.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.loop import VirtualLoop

TARGET: Final = Target("https://flow.example.com", "ORG@AdobeOrg")
EPOCH: Final = datetime(2026, 3, 1, tzinfo=UTC)
#: More than the ledger and the simulation have.
_STATEMENTS: Final = 1000
_BEGINS: Final = frozenset({"BEGIN", "BEGIN IMMEDIATE"})


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


class Connection(sqlite3.Connection):
    """A connection whose `execute` and `executemany` can be replaced (one of C has no place for that)."""


class _Nested(Connection):
    """A connection within a transaction that is not the ledger's: the ledger's own become savepoints."""

    _is_within = False

    @property
    def in_transaction(self) -> bool:
        """Whether the ledger is in a transaction of its own."""
        return self._is_within

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement, or what stands for it."""
        if sql in _BEGINS:
            self._is_within = True
            return super().execute("SAVEPOINT ledgers")
        if sql == "COMMIT":
            self._is_within = False
            return super().execute("RELEASE ledgers")
        if sql == "ROLLBACK":
            self._is_within = False
            super().execute("ROLLBACK TO ledgers")
            return super().execute("RELEASE ledgers")
        return super().execute(sql, *values)

    def rollback(self) -> None:
        """Take back the story, and whatever transaction it left."""
        self._is_within = False
        super().rollback()


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
    """In memory, where a commit costs next to nothing.

    Connections go from story to story, and with them their statements: to compile them anew takes longer than
    to run them. They stay compiled as long as nobody exchanges the tables beneath them; so a story is one
    transaction, which its end takes back, and the ledger's own are savepoints in it. A story in which an
    older ledger is put back goes on with a connection that has transactions of its own.
    """

    _free: ClassVar[list[Connection]] = []

    def __init__(self, ledger_id: str, loop: VirtualLoop) -> None:
        super().__init__(ledger_id, loop)
        self._connection = MemoryDisk._free.pop() if MemoryDisk._free else _connect(_Nested, _empty())
        self._connection.execute("SAVEPOINT story")
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
        """Take a copy, row by row: SQLite copies no database in the midst of a transaction."""
        tables = [name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return pickle.dumps([(table, self.rows(f"SELECT * FROM {table}")) for table in tables])  # noqa: S608 - our own names

    def restore(self, copy: bytes) -> None:
        """Put an older copy in its place."""
        self.close()
        self._connection = _connect(Connection, _empty())
        self._connection.execute("DELETE FROM meta")
        for table, rows in pickle.loads(copy):  # noqa: S301 - our own copy
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our own names

    def close(self) -> None:
        """Throw away what it holds, and keep the connection if others can go on with it."""
        self.end(is_killed=False)
        if isinstance(self._connection, _Nested):
            self._connection.rollback()
            MemoryDisk._free.append(self._connection)
        else:
            self._connection.close()


@cache
def _empty() -> bytes:
    """Give a ledger without rows."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    SqliteStore(connection).prepare(TARGET, new_ledger_id=LedgerId("any"), now=EPOCH)
    return connection.serialize()


def _connect(factory: type[Connection], content: bytes) -> Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, factory=factory, cached_statements=_STATEMENTS
    )
    connection.deserialize(content)
    return connection


def _error(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error
