"""The ledger over one SQLite connection: synchronous, without threads, paths or clocks of its own.

A simulation opens one with `:memory:` or a disk of its own. After the first write that failed, nothing is
read or written any more: what the file holds is unknown.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from bulkconn import __version__
from bulkconn.core.errors import LedgerError
from bulkconn.ledger import queries
from bulkconn.ledger.codec import encode_time
from bulkconn.ledger.faults import explain
from bulkconn.ledger.schema import BIND, check_version, migrate, read_version
from bulkconn.ledger.sql_store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from typing import Any

    from bulkconn.core.names import LedgerId
    from bulkconn.core.record import LedgerInfo, Target
    from bulkconn.ledger.database import Database

T = TypeVar("T")


class SqliteStore(SqlStore):
    """A ledger in an open SQLite connection (autocommit: `isolation_level=None`).

    `name` stands in messages. `check_file` is called before each transaction and raises `LedgerError`
    where the file is no longer what was opened; None checks nothing. `on_close` is called once, when the
    connection is closed: it lets go of the lock.
    """

    refusals = (sqlite3.IntegrityError, UnicodeEncodeError)

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        name: str = ":memory:",
        check_file: Callable[[], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(name)
        self._connection = connection
        self._on_close = on_close
        self._check_file = check_file
        self._broken: LedgerError | None = None
        # One process holds the file, and all its changes pass here.
        self._standings = {}

    @property
    def connection(self) -> sqlite3.Connection:
        """Give the connection, for reading beside this class (`export.py`) and for tests."""
        return self._connection

    def prepare(self, target: Target, *, new_ledger_id: LedgerId, now: datetime) -> LedgerInfo:
        """Make the tables or migrate them, bind an empty ledger to a target, and read who it is.

        The caller compares the targets. Repeat: safe, a bound ledger keeps id and target.
        """
        with self.translated():
            migrate(self._connection)
            self._connection.execute(
                BIND,
                (new_ledger_id, target.base_url, target.org_id, encode_time(now), __version__),
            )
        return self.attach()

    def attach(self) -> LedgerInfo:
        """Read who an existing ledger of this format or an older one is; writes nothing."""
        with self.translated():
            version = read_version(self._connection)
            check_version(version)
            self._info = queries.read_info(self._connection, version) if version else None
            if version:
                self._runs = dict(self._connection.execute("SELECT run_id, id FROM runs"))
        return self.info

    def read(self, query: Callable[[Database], T]) -> T:
        """Answer one of `queries.py`."""
        with self.translated():
            return query(self._connection)

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Give the rows of a query one after another; SQLite holds no more than one."""
        with self.translated():
            # `yield from` would close the cursor where nobody reads on, maybe after the ledger was closed.
            for row in self._connection.execute(sql, values):  # noqa: UP028 - for that reason
                yield row

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one moment of the ledger throughout, whatever a run writes meanwhile."""
        with self.translated():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close the connection. Repeat: safe. What `apply` returned from is durable without it."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise explain(error, self._name) from error
        finally:
            if self._on_close is not None:
                self._on_close()

    def _write(self, work: Callable[[Database], T]) -> T:
        with self._transaction():
            return work(self._connection)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit with fsync at the end, or leave nothing and refuse all further work.

        Also a COMMIT that failed breaks the ledger: whether it reached the disk is unknown.
        """
        with self.translated():
            if self._check_file is not None:
                self._check_file()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._forget_standings()
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        # A full disk may have ended the transaction already, and a broken one cannot be rolled back:
        # the error on its way says more than a second one would.
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLite's errors, and those of decoding what it gave, into `LedgerError`; then stay broken."""
        if self._broken is not None:
            raise self._broken
        try:
            yield
        except LedgerError as error:
            self._broken = error
            raise
        except (sqlite3.Error, KeyError, ValueError, OverflowError) as error:
            self._broken = explain(error, self._name)
            raise self._broken from error
