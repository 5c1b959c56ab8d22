"""The ledger over one PostgreSQL connection: every write behind the fence of a lease, and done once.

A connection that breaks is made anew, and what was asked for is asked again: reads as they are, writes
under the number that tells whether they were done. While that goes on nothing is committed, so nothing is
sent; past `patience_s`, or once another holder took over, the store refuses all further work. What an
answer said that came too late is kept all the same, as evidence that moves nothing (`late` in `attempts`).
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

from bulkconn import __version__
from bulkconn.core.errors import AnsweredLate, IllegalMove, LeaseLost, LedgerError, UsageError
from bulkconn.core.record import Intent, Move
from bulkconn.ledger import queries
from bulkconn.ledger.codec import encode_time
from bulkconn.ledger.faults import damaged
from bulkconn.ledger.late_answers import append_late, read_late_answers
from bulkconn.ledger.leases import LEASE_S, WHOLE, Lease, Scope, fence, give_back, take_lease
from bulkconn.ledger.postgres_connection import PostgresDatabase, connect, explain, in_psycopg, passes
from bulkconn.ledger.postgres_schema import migrate, read_version
from bulkconn.ledger.postgres_watch import broken_off_after
from bulkconn.ledger.queries import EVERY_ROW
from bulkconn.ledger.schema import BIND, check_version
from bulkconn.ledger.sql_store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.names import LedgerId, RunId
    from bulkconn.core.record import Change, DoubtSince, LedgerInfo, Target
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.postgres_url import PostgresPlace
    from bulkconn.ledger.queries import Own

T = TypeVar("T")

#: Seconds for which a lost connection is made anew before the store gives up.
PATIENCE_S: Final = 120.0
_PAUSES_S: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
_EXPORT_CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks for a lease, on what, and for how long its requests may be on their way (seconds)."""

    name: str
    request_timeout_s: float
    scope: Scope = WHOLE
    shard: int | None = None
    lease_s: float = LEASE_S


class PostgresStore(SqlStore):
    """A ledger in a PostgreSQL schema. Make it with `open_postgres` or `open_postgres_read_only`."""

    refusals = (psycopg.IntegrityError, psycopg.DataError, UnicodeEncodeError)

    def __init__(
        self,
        place: PostgresPlace,
        *,
        elapsed_s: Callable[[], float],
        patience_s: float = PATIENCE_S,
        answer_s: float | None = None,
    ) -> None:
        super().__init__(str(place))
        self._place = place
        self._elapsed_s = elapsed_s
        self._patience_s = patience_s
        #: Seconds that a read or a transaction may take before its connection counts as lost; None: any.
        self._answer_s = answer_s
        self._db: PostgresDatabase | None = None
        self._broken: LedgerError | None = None
        self._holder: Holder | None = None
        self._lease: Lease | None = None
        self._commit_no = 0
        #: From when nothing of earlier holders can be on its way.
        self._quiet_at_s = float("-inf")
        self._send_before_s = float("-inf")
        self._asked_s = 0.0
        #: How often a connection was made: as long as it stays the same, so does the server behind it.
        self.sessions = 0

    # --- who it is ------------------------------------------------------------------------------

    @property
    def send_before_s(self) -> float:
        """Say when the lease ends, as far as it is known: counted from before it was asked for."""
        return self._send_before_s

    @property
    def quiet_at_s(self) -> float:
        """Say from when nothing that earlier holders sent can be on its way."""
        return self._quiet_at_s

    @property
    def place(self) -> PostgresPlace:
        """Say where it is."""
        return self._place

    @property
    def lease(self) -> Lease | None:
        """Give the lease, while it is held."""
        return self._lease

    @property
    def has_shards(self) -> bool:
        """Tell whether runs can be submitted to workers here: always."""
        return True

    @property
    def own_rows(self) -> Own:
        """Narrow to the rows of the shard that is held; the whole ledger's holder works on all."""
        if self._holder is None or self._holder.shard is None:
            return EVERY_ROW
        return " AND shard = ?", (self._holder.shard,)

    def prepare(self, target: Target, *, new_ledger_id: LedgerId, now: datetime) -> LedgerInfo:
        """Make schema and tables, or migrate them, bind an empty ledger to a target, and read who it is.

        The caller compares the targets. Repeat: safe.
        """

        def work(db: Database) -> None:
            db.execute("SELECT pg_advisory_xact_lock(hashtext(?))", (f"bulkconn {self._place.schema}",))
            if not _has_schema(db, self._place.schema):
                db.execute(f"CREATE SCHEMA {self._place.schema}")
            migrate(db)
            values = (new_ledger_id, target.base_url, target.org_id, encode_time(now), __version__)
            db.execute(BIND, values)

        self._persist(lambda: self._transact(work))
        return self.attach()

    def attach(self) -> LedgerInfo:
        """Read who an existing ledger of this very format is; writes nothing.

        Raises:
            UsageError: there is none.
        """

        def look(db: Database) -> LedgerInfo | None:
            version = read_version(db)
            if not version:
                raise UsageError(
                    f"no ledger at {self._name}",
                    fix="give --ledger the URL that `bulkconn run` used, with its ?schema= if it had one",
                )
            check_version(version)
            self._runs = dict(db.execute("SELECT run_id, id FROM runs").fetchall())
            return queries.read_info(db, version)

        self._info = self.read(look)
        return self.info

    def hold(self, holder: Holder) -> Lease:
        """Take the lease that every write needs.

        Raises:
            LedgerLocked: somebody holds it, or a part of it.
        """
        asked_s = self._elapsed_s()
        asked = (holder.scope, holder.name, holder.request_timeout_s, holder.lease_s)
        self._lease = self._persist(lambda: self._transact(lambda db: take_lease(db, *asked)))
        self._holder = holder
        # A holder waits no longer for an answer than its lease lasts: then it has lost both.
        self._answer_s = holder.lease_s
        self._commit_no = 0
        self._quiet_at_s = self._elapsed_s() + self._lease.in_flight_s
        self._send_before_s = asked_s + holder.lease_s
        return self._lease

    def renew(self) -> None:
        """Give a sign of life: the lease begins anew."""
        self._write(lambda _: None)

    # --- reading and writing --------------------------------------------------------------------

    def read(self, query: Callable[[Database], T]) -> T:
        """Answer one of `queries.py`; asked again where the connection was lost."""

        def look() -> T:
            db = self._connected()
            with broken_off_after(db.connection, self._answer_s):
                return query(db)

        return self._persist(look)

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Give the rows of a query one after another; the server keeps the rest. Inside `snapshot` only."""
        with self._translated(), self._connected().connection.cursor(name="export") as cursor:
            cursor.itersize = _EXPORT_CHUNK
            cursor.execute(in_psycopg(sql), values or None)
            yield from cursor

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one moment of the ledger throughout; a connection lost meanwhile ends it with an error."""
        self._persist(
            lambda: self._connected().execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        )
        try:
            yield
        finally:
            with suppress(psycopg.Error):
                self._connected().execute("ROLLBACK")

    def apply(self, groups: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """Write several callers' changes in one transaction; see `SqlStore.apply`.

        Raises:
            LeaseLost: another holder took over; ids that these changes bring are kept as late answers.
        """
        try:
            return super().apply(groups)
        except LeaseLost:
            self._keep_late(groups)
            raise

    def _write_changes(self, db: Database, changes: Sequence[Change]) -> None:
        late = read_late_answers(db, [change.key for change in changes if isinstance(change, Intent)])
        if late:
            raise AnsweredLate(next(iter(late.values())))
        super()._write_changes(db, changes)

    def begin_run(
        self, run_id: RunId, at: datetime, settings: Mapping[str, object], doubt_since: DoubtSince
    ) -> int:
        """Record a run; cut-off rows are in doubt. Others may have recorded runs since this one looked."""
        found = self.read(lambda db: db.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone())
        if found is not None:
            self._runs[run_id] = found[0]
        return super().begin_run(run_id, at, settings, doubt_since)

    def join_run(self, run_id: RunId, at: datetime, doubt_since: DoubtSince) -> int:
        """Go on with a run that was submitted: of one's own rows those found as `sending` are in doubt.

        Raises:
            IllegalMove: no such run was begun.
        """
        if run_id not in self._runs:
            raise IllegalMove(f"run {run_id} was never begun in this ledger")
        run = self._runs[run_id]
        return self._write(lambda db: self._cut_off(db, run, encode_time(at), doubt_since))

    def write(self, work: Callable[[Database], T]) -> T:
        """Do other work behind the fence, in one transaction, durable when this returns."""
        return self._write(work)

    def transact(self, work: Callable[[PostgresDatabase], T]) -> T:
        """Do work in one transaction that no lease guards; it is done again where the connection breaks.

        Give the work a mark by which it knows that it was done before.
        """
        return self._persist(lambda: self._transact(work))

    def _write(self, work: Callable[[Database], T]) -> T:
        if self._lease is None or self._holder is None:
            raise LedgerError(
                f"ledger {self._name} is not held by this process",
                fix="this is a defect of bulkconn: please report it",
            )
        lease, lease_s = self._lease, self._holder.lease_s
        commit_no = self._commit_no + 1
        results: list[T] = []

        def fenced(db: Database) -> None:
            asked_s = self._elapsed_s()
            if fence(db, lease, commit_no, lease_s):
                results[:] = [work(db)]
                # Only who renewed the lease counts from here: what was done before renewed it then.
                self._asked_s = asked_s

        try:
            self._persist(lambda: self._transact(fenced))
        except LeaseLost as error:
            self._broken, self._send_before_s = error, float("-inf")
            raise
        self._commit_no = commit_no
        self._send_before_s = self._asked_s + lease_s
        return results[0]

    def _keep_late(self, groups: Sequence[Sequence[Change]]) -> None:
        """Append what answers said that came after the lease was lost; moves nothing."""
        moves = [
            change
            for group in groups
            for change in group
            if isinstance(change, Move) and change.attempt_end and change.connection_id
        ]

        def work(db: Database) -> None:
            for move in moves:
                append_late(db, move, self._runs[move.run_id])

        if moves:
            broken, self._broken = self._broken, None
            try:
                self._persist(lambda: self._transact(work))
            finally:
                self._broken = broken

    # --- the connection -------------------------------------------------------------------------

    def _connected(self) -> PostgresDatabase:
        if self._broken is not None:
            raise self._broken
        if self._db is None or self._db.connection.closed:
            self._db = PostgresDatabase(connect(self._place))
            self.sessions += 1
        return self._db

    def _transact(self, work: Callable[[PostgresDatabase], T]) -> T:
        db = self._connected()
        with broken_off_after(db.connection, self._answer_s), db.connection.transaction():
            return work(db)

    def _persist(self, work: Callable[[], T]) -> T:
        """Do work, and do it again as long as what stands against it passes."""
        deadline = time.monotonic() + self._patience_s
        tries = 0
        with self._translated():
            while True:
                try:
                    return work()
                except psycopg.Error as error:
                    # A server that never answered is more likely named wrongly than out of order.
                    if not self.sessions or not passes(error) or time.monotonic() >= deadline:
                        raise
                    self._drop()
                time.sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
                tries += 1

    def _drop(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(psycopg.Error):
                db.connection.close()

    def close(self) -> None:
        """Give the lease back and close the connection. Repeat: safe."""
        lease, self._lease = self._lease, None
        if lease is not None and self._broken is None:
            # If it fails the lease runs out by itself.
            in_flight_s = self._quiet_at_s - self._elapsed_s()
            with suppress(LedgerError, psycopg.Error):
                self._transact(lambda db: give_back(db, lease, in_flight_s))
        self._send_before_s = float("-inf")
        self._drop()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._broken is not None:
            raise self._broken
        try:
            yield
        except psycopg.Error as error:
            self._broken, self._send_before_s = explain(error, self._name), float("-inf")
            raise self._broken from error
        except (KeyError, ValueError, OverflowError) as error:
            self._broken = damaged(self._name, f"it holds {type(error).__name__}: {error}")
            raise self._broken from error


def _has_schema(db: Database, schema: str) -> bool:
    return db.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)).fetchone() is not None
