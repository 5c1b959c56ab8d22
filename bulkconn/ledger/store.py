"""The ledger over one SQLite connection: synchronous, without threads, paths or clocks of its own.

The writer thread of `sqlite.py` calls it, and so may a simulation, with `:memory:` or a disk of its own.
After the first write that failed, nothing is read or written any more: what the file holds is unknown.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar

from bulkconn import __version__
from bulkconn.core.errors import IllegalMove, LedgerError
from bulkconn.ledger import queries
from bulkconn.ledger.changes import write_change
from bulkconn.ledger.codec import encode_json, encode_time
from bulkconn.ledger.faults import damaged, explain
from bulkconn.ledger.schema import CUT_OFF, check_version, migrate, read_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.names import LedgerId, RunId
    from bulkconn.core.record import (
        Change,
        DoubtSince,
        LedgerInfo,
        Target,
    )

T = TypeVar("T")

#: News of a row that was found on its way: the process that sent it ended before the answer came.
CUT_OFF_MESSAGE: Final = "the run ended while this request was on its way"

_CUT_ATTEMPTS: Final = """
    INSERT INTO attempts (row_id, attempt_no, run, fact, at, sandbox, name, connection_spec_id)
    SELECT id, attempts, ?, ?, ?, sent_sandbox, sent_name, sent_spec_id FROM rows WHERE state = 'sending'
"""
_CUT_ROWS: Final = """
    UPDATE rows SET state = 'in_doubt', ambiguous = ambiguous + 1, doubt_clock = ?, doubt_s = ?,
        doubted_at = ?, updated_at = ?, error_code = ?, error_message = ?, request_id = NULL
    WHERE state = 'sending'
"""


class SqliteStore:
    """A ledger in an open SQLite connection (autocommit: `isolation_level=None`).

    `name` stands in messages. `check_file` is called before each transaction and raises `LedgerError`
    where the file is no longer what was opened; None checks nothing. `on_close` is called once, when the
    connection is closed: it lets go of the lock.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        name: str = ":memory:",
        check_file: Callable[[], None] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._on_close = on_close
        self._name = name
        self._check_file = check_file
        self._broken: LedgerError | None = None
        self._info: LedgerInfo | None = None
        self._runs: dict[RunId, int] = {}

    @property
    def connection(self) -> sqlite3.Connection:
        """Give the connection, for reading beside this class (`export.py`) and for tests."""
        return self._connection

    @property
    def name(self) -> str:
        """Say how messages call this ledger."""
        return self._name

    @property
    def info(self) -> LedgerInfo:
        """Say which ledger this is; only after `prepare` or `attach`."""
        if self._info is None:
            raise damaged(self._name, "it does not say which target it belongs to")
        return self._info

    def prepare(self, target: Target, *, new_ledger_id: LedgerId, now: datetime) -> LedgerInfo:
        """Make the tables or migrate them, bind an empty ledger to a target, and read who it is.

        The caller compares the targets. Repeat: safe, a bound ledger keeps id and target.
        """
        with self.translated():
            migrate(self._connection)
            self._connection.execute(
                "INSERT OR IGNORE INTO meta VALUES (1, ?, ?, ?, ?, ?)",
                (new_ledger_id, target.base_url, target.org_id, encode_time(now), __version__),
            )
        return self.attach()

    def attach(self) -> LedgerInfo:
        """Read who an existing ledger of this very format is; writes nothing."""
        with self.translated():
            version = read_version(self._connection)
            check_version(version)
            self._info = queries.read_info(self._connection) if version else None
            if version:
                self._runs = dict(self._connection.execute("SELECT run_id, id FROM runs"))
        return self.info

    def apply(self, groups: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """Write several callers' changes in one transaction, durable when this returns.

        Each group is all in or all out, and harms no other. Gives for each group None, or why it was
        left out.

        Raises:
            LedgerError: nothing is known to be written, and nothing will be any more.
        """
        with self._transaction():
            return [self._apply_group(group) for group in groups]

    def _apply_group(self, changes: Sequence[Change]) -> IllegalMove | None:
        connection = self._connection
        connection.execute("SAVEPOINT caller")
        try:
            for change in changes:
                write_change(connection, change, self._runs)
        except (IllegalMove, sqlite3.IntegrityError, UnicodeEncodeError) as error:
            connection.execute("ROLLBACK TO caller")
            connection.execute("RELEASE caller")
            if isinstance(error, IllegalMove):
                return error
            refused = IllegalMove(f"the ledger's own rules refuse a change: {error}")
            refused.__cause__ = error
            return refused
        connection.execute("RELEASE caller")
        return None

    def begin_run(
        self, run_id: RunId, at: datetime, settings: Mapping[str, object], doubt_since: DoubtSince
    ) -> int:
        """Record a run, and turn every row found as `sending` into `in_doubt`; give their number.

        Raises:
            IllegalMove: a run of that id was begun before.
        """
        if run_id in self._runs:
            raise IllegalMove(f"run {run_id} was begun before")
        at_us = encode_time(at)
        target = encode_json({"base_url": self.info.target.base_url, "org_id": self.info.target.org_id})
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO runs (run_id, began_at, settings, target) VALUES (?, ?, ?, ?)",
                (run_id, at_us, encode_json(dict(settings)), target),
            )
            run = cursor.lastrowid
            self._connection.execute(_CUT_ATTEMPTS, (run, CUT_OFF, at_us))
            doubt = (doubt_since.clock_id, doubt_since.at_s)
            news = (at_us, at_us, CUT_OFF, CUT_OFF_MESSAGE)
            cut_off = self._connection.execute(_CUT_ROWS, (*doubt, *news)).rowcount
        self._runs[run_id] = run or 0
        return cut_off

    def end_run(self, run_id: RunId, at: datetime, summary: Mapping[str, object]) -> None:
        """Record how a run ended; of two ends the later one stays."""
        with self._transaction():
            self._connection.execute(
                "UPDATE runs SET ended_at = ?, summary = ? WHERE run_id = ?",
                (encode_time(at), encode_json(dict(summary)), run_id),
            )

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Answer one of `queries.py`."""
        with self.translated():
            return query(self._connection)

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

    def __enter__(self) -> Self:
        """Give the store itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Close the connection."""
        self.close()

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
