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
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg import sql as composed
from psycopg.conninfo import conninfo_to_dict

from bulkconn import __version__
from bulkconn.core.errors import AnsweredLate, IllegalMove, LeaseLost, LedgerError, UsageError
from bulkconn.core.record import Intent, Move
from bulkconn.ledger import queries
from bulkconn.ledger.codec import decode_ids, encode_time, storable
from bulkconn.ledger.faults import damaged
from bulkconn.ledger.leases import LEASE_S, WHOLE, Lease, Scope, fence, give_back, take_lease
from bulkconn.ledger.opening import check_target
from bulkconn.ledger.postgres_schema import migrate, read_version
from bulkconn.ledger.queries import EVERY_ROW
from bulkconn.ledger.schema import BIND, INTENT, LATE, check_version
from bulkconn.ledger.sql_store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.names import LedgerId, RunId
    from bulkconn.core.record import Change, DoubtSince, LedgerInfo, Target
    from bulkconn.ledger.database import Cursor, Database
    from bulkconn.ledger.postgres_url import PostgresPlace
    from bulkconn.ledger.queries import Own

T = TypeVar("T")

#: Seconds for which a lost connection is made anew before the store gives up.
PATIENCE_S: Final = 120.0
_PAUSES_S: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
#: A pause of the server (a failover, a partition) ends the connection rather than hang the worker.
_CONNECTING: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 12_000,
    "application_name": "bulkconn",
}
_SESSION: Final = (
    "SET statement_timeout = '60s'",
    "SET lock_timeout = '15s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # Whatever the server's default is: what is committed survives its crash.
    "SET synchronous_commit = on",
    "SET client_encoding = 'UTF8'",
)
_EXPORT_CHUNK: Final = 2000
#: Classes of SQLSTATE that pass: connection, deadlock and serialization, resources, shutdown, system.
_PASSING: Final = ("08", "40", "53", "57", "58")
_CANCELLED: Final = "57014"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks for a lease, on what, and for how long its requests may be on their way (seconds)."""

    name: str
    request_timeout_s: float
    scope: Scope = WHOLE
    shard: int | None = None
    lease_s: float = LEASE_S


class PostgresDatabase:
    """A psycopg connection as `Database`: one statement a call, `?` for values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""
        return self.connection.execute(_translated(sql), values or None)


@lru_cache(maxsize=512)
def _translated(sql: str) -> Any:  # noqa: ANN401 - psycopg asks for literal strings, ours are put together
    return sql.replace("%", "%%").replace("?", "%s") if "?" in sql else sql


class PostgresStore(SqlStore):
    """A ledger in a PostgreSQL schema. Make it with `open_postgres` or `open_postgres_read_only`."""

    refusals = (psycopg.IntegrityError, psycopg.DataError, UnicodeEncodeError)

    def __init__(
        self, place: PostgresPlace, *, elapsed_s: Callable[[], float], patience_s: float = PATIENCE_S
    ) -> None:
        super().__init__(str(place))
        self._place = place
        self._elapsed_s = elapsed_s
        self._patience_s = patience_s
        self._db: PostgresDatabase | None = None
        self._broken: LedgerError | None = None
        self._holder: Holder | None = None
        self._lease: Lease | None = None
        self._commit_no = 0
        self._send_before_s = float("-inf")
        self._asked_s = 0.0
        self._was_connected = False

    # --- who it is ------------------------------------------------------------------------------

    @property
    def send_before_s(self) -> float:
        """Say when the lease ends, as far as it is known: counted from before it was asked for."""
        return self._send_before_s

    @property
    def lease(self) -> Lease | None:
        """Give the lease, while it is held."""
        return self._lease

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
            return queries.read_info(db)

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
        self._commit_no = 0
        self._send_before_s = asked_s + holder.lease_s
        return self._lease

    def renew(self) -> None:
        """Give a sign of life: the lease begins anew."""
        self._write(lambda _: None)

    # --- reading and writing --------------------------------------------------------------------

    def read(self, query: Callable[[Database], T]) -> T:
        """Answer one of `queries.py`; asked again where the connection was lost."""
        return self._persist(lambda: query(self._connected()))

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Give the rows of a query one after another; the server keeps the rest. Inside `snapshot` only."""
        with self._translated(), self._connected().connection.cursor(name="export") as cursor:
            cursor.itersize = _EXPORT_CHUNK
            cursor.execute(_translated(sql), values or None)
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

    def _apply_group(self, db: Database, changes: Sequence[Change]) -> Exception | None:
        for change in changes:
            if isinstance(change, Intent):
                late = _late_answer(db, change.key)
                if late is not None:
                    return AnsweredLate(late)
        return super()._apply_group(db, changes)

    def begin_run(
        self, run_id: RunId, at: datetime, settings: Mapping[str, object], doubt_since: DoubtSince
    ) -> int:
        """Record a run; cut-off rows are in doubt. Others may have recorded runs since this one looked."""
        found = self.read(lambda db: db.execute("SELECT id FROM runs WHERE run_id = ?", (run_id,)).fetchone())
        if found is not None:
            self._runs[run_id] = found[0]
        return super().begin_run(run_id, at, settings, doubt_since)

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
                _append_late(db, move, self._runs[move.run_id])

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
            self._db = PostgresDatabase(_connect(self._place))
            self._was_connected = True
        return self._db

    def _transact(self, work: Callable[[Database], T]) -> T:
        db = self._connected()
        with db.connection.transaction():
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
                    if not self._was_connected or not _passes(error) or time.monotonic() >= deadline:
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
            with suppress(LedgerError, psycopg.Error):
                self._transact(lambda db: give_back(db, lease))
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


def open_postgres(
    place: PostgresPlace,
    target: Target,
    holder: Holder,
    *,
    now: datetime,
    new_ledger_id: LedgerId,
    elapsed_s: Callable[[], float],
) -> PostgresStore:
    """Open a ledger for work, or make it, and take the lease. Closing the store gives it back.

    Raises:
        UsageError: it belongs to another target, or its URL cannot be read.
        LedgerError: it is held by another, cannot be reached, or is from a newer bulkconn.
    """
    store = PostgresStore(place, elapsed_s=elapsed_s)
    try:
        info = store.prepare(target, new_ledger_id=new_ledger_id, now=now)
        check_target(info.target, target, str(place))
        store.hold(holder)
    except BaseException:
        store.close()
        raise
    return store


def open_postgres_read_only(place: PostgresPlace) -> PostgresStore:
    """Open a ledger to read it, whoever holds it.

    Raises:
        UsageError: there is none.
        LedgerError: it cannot be reached, or is from another version.
    """
    store = PostgresStore(place, elapsed_s=time.monotonic, patience_s=10.0)
    try:
        store.attach()
    except BaseException:
        store.close()
        raise
    return store


def is_there(place: PostgresPlace) -> bool:
    """Tell whether a ledger was ever made in that schema.

    Raises:
        LedgerError: the database cannot be reached.
    """
    store = PostgresStore(place, elapsed_s=time.monotonic)
    try:
        return store.read(read_version) > 0
    finally:
        store.close()


def explain(error: psycopg.Error, name: str) -> LedgerError:
    """Translate an error of PostgreSQL for the ledger called `name`; no secret is in it."""
    what = (error.diag.message_primary or str(error).partition("\n")[0]).strip()
    state = error.sqlstate or ""
    if state.startswith("28"):
        fix = "check user and password in --ledger (a password may come from PGPASSWORD or ~/.pgpass)"
    elif state.startswith("3D"):
        fix = "create the database, or correct its name in --ledger"
    elif state.startswith("42501"):
        fix = "let this user create a schema in that database, or use it: GRANT CREATE ON DATABASE ..."
    elif state.startswith("53"):
        fix = "the server is short of room or connections: mend that, then run the same command again"
    else:
        fix = (
            "see that the server runs and can be reached, that user and database are right and the password "
            "is given (also PGPASSWORD or ~/.pgpass will do), then run the same command again"
        )
    return LedgerError(f"ledger {name}: {what}", fix=fix)


def _connect(place: PostgresPlace) -> psycopg.Connection[Any]:
    try:
        parameters = conninfo_to_dict(place.url)
    except psycopg.ProgrammingError:
        # Not chained: libpq's message may repeat the part that holds the password.
        raise UsageError(
            f"the ledger's URL cannot be read: {place}",
            fix="give postgresql://user@host:5432/database; escape special characters as %40 and the like",
        ) from None
    settings: dict[str, Any] = {**_CONNECTING, **parameters}
    connection: psycopg.Connection[Any] = psycopg.connect(autocommit=True, **settings)
    try:
        for statement in _SESSION:
            connection.execute(statement)
        connection.execute(composed.SQL("SET search_path = {}").format(composed.Identifier(place.schema)))
    except BaseException:
        connection.close()
        raise
    return connection


def _has_schema(db: Database, schema: str) -> bool:
    return db.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)).fetchone() is not None


def _passes(error: psycopg.Error) -> bool:
    """Tell whether the same may succeed a moment later: the connection is gone, not the right to ask."""
    state = error.sqlstate
    if state is None:
        # No SQLSTATE: the connection broke, or never came to be.
        return isinstance(error, psycopg.OperationalError)
    return state.startswith(_PASSING) and state != _CANCELLED


def _late_answer(db: Database, key: str) -> str | None:
    """Give the id of a row's connection that an answer brought after its worker had lost the row.

    The row is locked first, so that such an answer is either seen here or waits for this transaction.
    """
    row = db.execute(
        "SELECT id, connection_id, other_ids FROM rows WHERE key = ? FOR UPDATE", (key,)
    ).fetchone()
    if row is None:
        return None
    row_id, own, others = row
    late = db.execute(
        "SELECT connection_id FROM attempts WHERE row_id = ? AND fact = ? ORDER BY id", (row_id, LATE)
    ).fetchall()
    known = {own, *decode_ids(others)}
    return next((one for (one,) in late if one not in known), None)


def _append_late(db: Database, move: Move, run: int) -> None:
    row = db.execute(
        "SELECT id, sent_sandbox, sent_name, sent_spec_id FROM rows WHERE key = ? FOR UPDATE", (move.key,)
    ).fetchone()
    if row is None:
        raise IllegalMove(f"the ledger has no row {move.key!r}")
    row_id, *sent = row
    (attempt_no,) = db.execute(
        "SELECT coalesce(max(attempt_no), 0) FROM attempts WHERE row_id = ? AND run = ? AND fact = ?",
        (row_id, run, INTENT),
    ).fetchone()
    db.execute(
        "INSERT INTO attempts (row_id, attempt_no, run, fact, at, sandbox, name, connection_spec_id, status, "
        "request_id, connection_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(row_id, attempt_no, run, LATE, encode_time(move.at), *sent),
            *(move.status, storable(move.request_id), storable(move.connection_id)),
        ),
    )
