"""A PostgreSQL server on virtual time: psycopg's face before the tables of a ledger in SQLite.

What runs on it is the product's own SQL, translated where the dialects differ: leases, fences and slots are
real. Transactions run one after another: that two of them wait for each other's locks is left to the
tests on a real server. What the network may do to them is played here.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import psycopg

from bulkconn.ledger.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from random import Random

    from bulkconn.core.names import LedgerId
    from bulkconn.core.record import Target
    from tests.simulation.fleet.hub import Hub, Seat

_EXTRACT: Final = re.compile(r"extract\(epoch FROM ((?:[^()]|\(\))*)\)")
_INTERVAL: Final = re.compile(r"make_interval\(secs => ([^()]*)\)")
_SECONDS: Final = re.compile(r"interval '([0-9.]+) s'")
_LOCKING: Final = re.compile(r"FOR UPDATE( OF \w+(, \w+)*)?")
#: The statement that takes slots writes to two tables and gives a row.
_TAKE: Final = re.compile(
    r"(?P<parts>.*),\s+counted AS \((?P<first>.*)\)\s+(?P<second>UPDATE shared_paces .*)RETURNING(?P<row>.*)",
    re.DOTALL,
)
_LONG_AGO: Final = "-1e18"

#: What PostgreSQL has besides (`ledger/postgres_schema.py`), with times as seconds of the hub.
_BESIDES: Final = """
    CREATE TABLE submissions (run INTEGER PRIMARY KEY, state TEXT NOT NULL, queue TEXT NOT NULL,
        priority INTEGER NOT NULL, inventories TEXT NOT NULL, settings TEXT NOT NULL);
    CREATE TABLE shards (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, shard_no INTEGER NOT NULL,
        part TEXT NOT NULL, row_count INTEGER NOT NULL, state TEXT NOT NULL
            CHECK (state IN ('queued', 'working', 'done', 'set_aside', 'changed', 'cancelled')),
        tries INTEGER NOT NULL DEFAULT 0, error TEXT, updated_at INTEGER NOT NULL, UNIQUE (run, shard_no));
    ALTER TABLE rows ADD COLUMN shard INTEGER REFERENCES shards (id);
    CREATE TABLE leases (scope TEXT PRIMARY KEY, token INTEGER NOT NULL, holder TEXT NOT NULL,
        until REAL NOT NULL, request_timeout_s REAL NOT NULL, commit_no INTEGER NOT NULL);
    CREATE TABLE ledger_format (version INTEGER NOT NULL);
    CREATE TABLE pg_namespace (nspname TEXT PRIMARY KEY);
    CREATE TABLE shared_paces (base_url TEXT NOT NULL, org_id TEXT NOT NULL, pace REAL NOT NULL,
        complaint_pace REAL NOT NULL DEFAULT 0, next_at REAL NOT NULL,
        closed_until REAL NOT NULL DEFAULT -1e18, lowered_at REAL NOT NULL DEFAULT -1e18,
        strained_at REAL NOT NULL DEFAULT -1e18, climbed_at REAL NOT NULL,
        PRIMARY KEY (base_url, org_id));
    CREATE TABLE shared_runs (base_url TEXT NOT NULL, org_id TEXT NOT NULL, run_id TEXT NOT NULL,
        round_slots INTEGER NOT NULL DEFAULT 0, round_end REAL NOT NULL, counts_until REAL NOT NULL,
        PRIMARY KEY (base_url, org_id, run_id));
    INSERT INTO ledger_format SELECT user_version FROM pragma_user_version;
    INSERT INTO pg_namespace VALUES ('bulkconn');
"""
#: Tells who wrote to which rows: a shard's are written by its holder alone.
_WATCH: Final = """
    CREATE TEMP TRIGGER row_changed AFTER UPDATE OF state ON main.rows
    BEGIN SELECT note_shard(NEW.shard); END
"""


class PlainSql(NamedTuple):
    """A statement as SQLite takes it; or several around it, where it writes to two tables and gives a row."""

    sql: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@lru_cache(maxsize=512)
def in_sqlite(sql: str) -> PlainSql:
    """Translate a statement of PostgreSQL, with `%s`, `%(name)s` or `?` for values."""
    sql = re.sub(r"%\((\w+)\)s", r":\1", sql).replace("%s", "?").replace("%%", "%")
    sql = sql.replace("bulkconn_pace.paces", "shared_paces").replace("'-infinity'", _LONG_AGO)
    sql = sql.replace("bulkconn_pace.runs", "shared_runs")
    for pattern, put in ((_EXTRACT, r"(\1)"), (_INTERVAL, r"(\1)"), (_SECONDS, r"\1"), (_LOCKING, "")):
        sql = pattern.sub(put, sql)
    sql = re.sub(r"\bpaces\.", "shared_paces.", sql)
    sql = re.sub(r"\bleast\(", "min(", sql)
    sql = re.sub(r"\bgreatest\(", "max(", sql)
    found = _TAKE.fullmatch(sql)
    if found is None:
        return PlainSql(sql)
    # What is written is decided before; the table stays, since another table would let all be parsed anew.
    taken = f"{found['parts']} SELECT * FROM taken"  # noqa: S608 - our own statement
    return PlainSql(
        f"SELECT{found['row']} FROM temp.taken",
        (
            f"CREATE TEMP TABLE IF NOT EXISTS taken AS {taken} LIMIT 0",
            taken.replace("WITH", "INSERT INTO temp.taken WITH", 1),
        ),
        (found["first"], found["second"], "DELETE FROM temp.taken"),
    )


class Server:
    """The database: what is committed outlives every worker."""

    def __init__(self, hub: Hub, target: Target, ledger_id: LedgerId, now: Any) -> None:
        self.hub = hub
        self.crimes: list[str] = []
        self._touched: set[int] = set()
        self.db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        SqliteStore(self.db).prepare(target, new_ledger_id=ledger_id, now=now)
        self.db.executescript(_BESIDES)
        functions: tuple[tuple[str, int, Callable[..., Any]], ...] = (
            ("clock_timestamp", 0, hub.time),
            ("hashtext", 1, lambda _: 0),
            ("pg_advisory_xact_lock", 1, lambda _: 0),
            ("pg_advisory_xact_lock", 2, lambda _one, _two: 0),
            ("current_schema", 0, lambda: "bulkconn"),
            ("quote_ident", 1, str),
            ("to_regclass", 1, str),
            ("note_shard", 1, self._touched.add),
        )
        for name, arguments, function in functions:
            self.db.create_function(name, arguments, function)
        self.db.execute(_WATCH)

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """Run one statement, as psycopg would have it."""
        plain = in_sqlite(sql)
        try:
            if not plain.after:
                return self.db.execute(plain.sql, values)
            for one in plain.before:
                self.db.execute(one, values)
            row = self.db.execute(plain.sql, values).fetchall()
            for one in plain.after:
                self.db.execute(one, values)
        except sqlite3.IntegrityError as error:
            raise psycopg.IntegrityError(str(error)) from error
        return _Rows(row)

    def begin(self) -> None:
        """Begin a transaction."""
        self._touched.clear()
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self, who: str) -> None:
        """Commit; whoever wrote states of rows without their lease is found out."""
        for shard in self._touched:
            holders = {holder for (holder,) in self._holders(shard)}
            if who not in holders:
                self.crimes.append(f"{who} wrote rows of shard {shard}, which {sorted(holders)} holds")
        self.db.execute("COMMIT")

    def _holders(self, shard: int) -> list[tuple[str]]:
        scopes = (f"shard {shard}", "")
        found: list[tuple[str]] = self.db.execute(
            "SELECT holder FROM leases WHERE scope IN (?, ?) ORDER BY until DESC", scopes
        ).fetchall()
        return found

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read what is committed."""
        return self.db.execute(sql, values).fetchall()

    def sending(self, name: str, sandbox: str, spec_id: str) -> list[str]:
        """Give the keys of rows on their way under a name."""
        sql = "SELECT key, sent_name, sent_sandbox, sent_spec_id FROM rows WHERE state = 'sending'"
        return [key for key, *sent_as in self.rows(sql) if sent_as == [name, sandbox, spec_id]]

    def may_send(self, who: str, key: str) -> bool:
        """Tell whether a worker holds the lease of a row at this moment."""
        found = self.db.execute(
            "SELECT 1 FROM rows JOIN leases ON scope = 'shard ' || rows.shard "
            "WHERE key = ? AND holder = ? AND until > ?",
            (key, who, self.hub.now_s),
        )
        return found.fetchone() is not None

    def was_answered_late(self, key: str) -> bool:
        """Tell whether the ledger has an id of this row as a late answer that the row does not name."""
        found = self.db.execute(
            "SELECT 1 FROM attempts JOIN rows ON rows.id = row_id WHERE key = ? AND fact = 'late' "
            "AND attempts.connection_id IS NOT rows.connection_id "
            "AND instr(coalesce(other_ids, ''), attempts.connection_id) = 0",
            (key,),
        )
        return found.fetchone() is not None


class _Rows:
    """Rows that were fetched already."""

    description = ("taken",)

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """Give the first of them."""
        return self._rows[0] if self._rows else None


class Link:
    """A worker's way to the server: at times there is none, and at times a COMMIT gets no answer."""

    def __init__(self, server: Server, seat: Seat, dice: Random) -> None:
        self.server = server
        self.seat = seat
        self.dice = dice
        self.cuts: tuple[tuple[float, float], ...] = ()
        #: Which share of the COMMITs loses the answer, and which kills the worker.
        self.losing = 0.0
        self.killing = 0.0
        #: How long a try takes that finds no way.
        self.hang_s = 0.0
        self.name = ""
        self._fate = 1.0

    def draw(self) -> None:
        """Draw what becomes of the next COMMIT."""
        self._fate = self.dice.random() if self.losing or self.killing else 1.0

    def take_fate(self) -> float:
        """Give what was drawn; what is done again after a failure may fail again."""
        fate, is_troubled = self._fate, self.is_troubled
        self._fate = 1.0
        if is_troubled:
            self.draw()
        return fate

    @property
    def is_troubled(self) -> bool:
        """Whether what is asked for now may have to be asked for again."""
        return self.is_cut or self._fate < self.losing + self.killing

    @property
    def is_cut(self) -> bool:
        """Whether there is no way at this moment."""
        now_s = self.server.hub.now_s
        return any(begin_s <= now_s < end_s for begin_s, end_s in self.cuts)

    def fail(self) -> psycopg.OperationalError:
        """Give the error of a connection that broke."""
        return psycopg.OperationalError("server closed the connection unexpectedly")


class Connection:
    """A psycopg connection, as far as the ledger uses it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.closed = False

    def execute(self, sql: str, values: Any = None) -> Any:
        """Run one statement."""
        self._check()
        return self._link.server.execute(sql, values or ())

    def cursor(self) -> ManyTimes:
        """Give what runs one statement many times."""
        return ManyTimes(self)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, if the network lets it."""
        self._check()
        server = self._link.server
        server.begin()
        try:
            yield
        except BaseException:
            server.db.execute("ROLLBACK")
            raise
        self._commit()

    def _commit(self) -> None:
        link, dice = self._link, self._link.dice
        server = link.server
        fate = link.take_fate()
        is_done = not link.is_cut and (fate >= link.losing + link.killing or dice.random() < 0.5)
        if is_done:
            server.commit(link.name)
        else:
            server.db.execute("ROLLBACK")
        if fate < link.killing:
            raise link.seat.die()
        if not is_done or fate < link.losing + link.killing:
            self.closed = True
            raise link.fail()

    def _check(self) -> None:
        if self.closed or self._link.seat.is_dead or self._link.is_cut:
            self.closed = True
            raise self._link.fail()

    def close(self) -> None:
        """Let go of it."""
        self.closed = True


class ManyTimes:
    """A cursor, as far as the ledger uses it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.rowcount = 0

    def executemany(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of these values."""
        self.rowcount = sum(self._connection.execute(sql, one).rowcount for one in values)


class AsyncConnection:
    """A psycopg connection of the shared pace."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.closed = False

    async def execute(self, sql: str, values: Any = None) -> Self:
        """Run one statement, after the network took its time."""
        link = self._link
        await asyncio.sleep(link.dice.random() * 0.004)
        if self.closed or link.is_cut:
            await asyncio.sleep(link.hang_s)
            self.closed = True
            raise link.fail()
        if sql.startswith("SET "):
            return self
        self._cursor = link.server.execute(sql, values or ())
        return self

    @property
    def description(self) -> object:
        """Say whether there are rows."""
        return self._cursor.description

    async def fetchone(self) -> tuple[Any, ...] | None:
        """Give a row."""
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row

    async def close(self) -> None:
        """Let go of it."""
        self.closed = True
