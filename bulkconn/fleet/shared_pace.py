"""One pace for all workers of an organisation: a row in PostgreSQL hands out slots.

Slots are places on one line of time, a pace apart. A worker takes the next few in one statement and lets
its requests leave at these times; the places of different workers never overlap, so together they keep
the ceiling. What one worker learns of a closed gate stands in the row, and all others read it with their
next slots. This file asks the row (`pace_sql.py`); what a run does with its slots is in `run_pacer.py`.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bulkconn.core.pace import FLOOR_PER_S, SPACING_MARGIN, Strain
from bulkconn.fleet import pace_sql
from bulkconn.fleet.run_pacer import WORTH_S, RunPacer

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from structlog.typing import FilteringBoundLogger

    from bulkconn.core.names import RunId
    from bulkconn.core.record import Target
    from bulkconn.ledger.postgres_url import PostgresPlace

T = TypeVar("T")

#: Seconds for which a worker holds back when the row cannot be reached.
_BLIND_S: Final = 0.5
_ANSWER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Slots:
    """What was taken: times (monotonic), or none while the run's last round is not used up."""

    times_s: tuple[float, ...]
    round_ends_s: float


class SharedPacer:
    """What a worker knows of the pace that it shares with all workers on one database.

    Use it as a context manager, and `of_run` for the `Pacer` of a run. While the database cannot be reached
    no slot is given out: the gate counts as closed.
    """

    def __init__(
        self, place: PostgresPlace, target: Target, ceiling_per_s: float, *, log: FilteringBoundLogger
    ) -> None:
        self._conninfo: dict[str, Any] = {"connect_timeout": 5, **conninfo_to_dict(place.url)}
        self._values: dict[str, Any] = {
            "url": target.base_url,
            "org": target.org_id,
            "ceiling": ceiling_per_s,
            "floor": FLOOR_PER_S,
            "margin": SPACING_MARGIN,
            "worth": WORTH_S,
        }
        self._ceiling_per_s = ceiling_per_s
        self._rate_per_s = ceiling_per_s
        self._log = log
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._asking = asyncio.Lock()
        self._runs_table = pace_sql.RUNS
        self._pacers: dict[RunId, RunPacer] = {}
        self._strain = Strain()
        self._closed_until_s = 0.0
        #: When the row was last asked.
        self.heard_s = float("-inf")
        self._complained_at_s = float("-inf")
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Give itself; the database is asked for the first time when a slot is."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Let go of the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop()

    @contextmanager
    def of_run(self, run_id: RunId) -> Iterator[RunPacer]:
        """Give the pacer of a run; shards of one run that are worked on at a time have the same."""
        pacer = self._pacers.setdefault(run_id, RunPacer(self, run_id))
        pacer.users += 1
        try:
            yield pacer
        finally:
            pacer.users -= 1
            if not pacer.users:
                del self._pacers[run_id]

    @property
    def rate_per_s(self) -> float:
        """The pace of all together, as last read."""
        return self._rate_per_s

    @property
    def ceiling_per_s(self) -> float:
        """The pace that all together never pass."""
        return self._ceiling_per_s

    @property
    def closed_for_s(self) -> float:
        """Seconds for which somebody has closed the gate, or nobody can be asked."""
        return max(0.0, self._closed_until_s - time.monotonic())

    def close_for(self, seconds: float) -> None:
        """Close the gate of all workers: of this one at once, of others as soon as the row can be told."""
        until_s = time.monotonic() + seconds
        self._closed_until_s = max(self._closed_until_s, until_s)
        self.spawn(self._tell_closing(until_s))

    def on_accepted(self, now_s: float) -> None:
        """The pace climbs with time; what was taken tells whether a 5xx is a stray one."""
        self._strain.on_accepted(now_s)

    def on_strain(self, now_s: float) -> None:
        """Lower the pace of all by a tenth, at most once a second; this worker's stray 5xx do not count."""
        if self._strain.on_stumble(now_s):
            self.spawn(self._tell(pace_sql.STRAIN))

    def on_complaint(self, now_s: float, sent_at_s: float) -> bool:
        """Lower the pace of all, once for all requests that left before it was lowered."""
        is_news = sent_at_s > self._complained_at_s
        if is_news:
            self._complained_at_s = now_s
            self.spawn(self._tell(pace_sql.LOWER, age=max(0.0, now_s - sent_at_s)))
        return is_news

    def restart_low(self, now_s: float) -> None:
        """Begin at a tenth of the ceiling."""
        del now_s
        self.spawn(self._tell(pace_sql.RESTART))

    async def take(self, run_id: RunId, wanted: int, ahead_s: float) -> Slots | None:
        """Take up to so many slots for a run, `ahead_s` before those of its last round are used up.

        None where the gate is closed, or the row cannot be reached.
        """
        async with self._asking:
            row = await self._ask(pace_sql.TAKE, run=run_id, wanted=wanted, ahead=ahead_s)
            if row == () and await self._enter(run_id):
                row = await self._ask(pace_sql.TAKE, run=run_id, wanted=wanted, ahead=ahead_s)
            asked_s = time.monotonic()
        if not row:
            return None
        rate_per_s, slots, in_s, closed_for_s = (float(one) for one in row)
        self._rate_per_s = rate_per_s
        self.heard_s = asked_s
        if closed_for_s > 0.0:
            self._close_until(asked_s + closed_for_s)
            return None
        gap_s = SPACING_MARGIN / rate_per_s
        times_s = tuple(asked_s + in_s + number * gap_s for number in range(int(slots)))
        return Slots(times_s, round_ends_s=asked_s + in_s)

    async def _enter(self, run_id: RunId) -> bool:
        """Make the rows of target and run, and remove those of runs that ended."""
        return all([await self._ask(sql, run=run_id) is not None for sql in pace_sql.ENTER])

    async def hear(self) -> None:
        """Ask whether another worker has closed the gate."""
        async with self._asking:
            row = await self._ask(pace_sql.HEAR)
        if row is None:
            return
        self.heard_s = time.monotonic()
        if row and float(row[0]) > 0.0:
            self._close_until(self.heard_s + float(row[0]))

    def _close_until(self, until_s: float) -> None:
        self._closed_until_s = max(self._closed_until_s, until_s)
        for pacer in self._pacers.values():
            pacer.forget_slots()

    async def _tell(self, sql: str, **values: object) -> bool:
        """Tell the row; False where it cannot be reached."""
        async with self._asking:
            return await self._ask(sql, **values) is not None

    async def _tell_closing(self, until_s: float) -> None:
        """Tell it until it is known: nobody else has heard how long the service wants to be left alone."""
        while (left_s := until_s - time.monotonic()) > 0.0:
            if await self._tell(pace_sql.CLOSE, seconds=left_s):
                return
            await asyncio.sleep(_BLIND_S)

    async def _ask(self, sql: str, **values: object) -> tuple[Any, ...] | None:
        """Ask the row; None where it cannot be reached: then the gate is closed for a moment.

        A statement that gives nothing gives an empty row.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                connection = await self._connected()
                sql = sql.replace(pace_sql.RUNS, self._runs_table)
                cursor = await connection.execute(sql, {**self._values, **values})
                return (await cursor.fetchone() or ()) if cursor.description else ()
        except (psycopg.Error, OSError, TimeoutError) as error:
            self._close_until(time.monotonic() + _BLIND_S)
            self._log.warning("pace.unreachable", error=type(error).__name__, wait_s=_BLIND_S)
            await self._drop()
            return None

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            connection: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
                autocommit=True, **self._conninfo
            )
            try:
                await connection.execute("SET synchronous_commit = off")
                await connection.execute("SET statement_timeout = '3s'")
                found = await connection.execute(pace_sql.IS_MADE)
                if await found.fetchone() == (None,):
                    await self._make(connection)
                else:
                    self._runs_table = pace_sql.RUNS
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _make(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Make the tables; of an older version's, which may be another user's, only what is allowed."""
        try:
            await connection.execute(pace_sql.MAKE)
        except psycopg.errors.InsufficientPrivilege:
            await connection.execute(pace_sql.MAKE_OWN_RUNS)
            self._runs_table = pace_sql.OWN_RUNS
            fix = "start a worker once as the owner of the schema bulkconn_pace"
            self._log.warning("pace.unfair", reason="the table of runs may not be made", fix=fix)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let this be done beside everything else; the end of the block cancels it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
