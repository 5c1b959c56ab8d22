"""One pace for all workers of an organisation: a row in PostgreSQL hands out slots.

Slots are places on one line of time, a pace apart. A worker takes the next few in one statement and lets
its requests leave at these times; the places of different workers never overlap, so together they keep
the ceiling. A slot that is not used in time is lost, not caught up. What one worker learns of a closed
gate stands in the row, and all others read it with their next slots. The row is worth no fsync. It lies
in a schema of its own, shared by all ledgers of a database: the limit is the organisation's.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bulkconn.core.pace import FLOOR_PER_S, SPACING_MARGIN, Strain

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from structlog.typing import FilteringBoundLogger

    from bulkconn.core.record import Target
    from bulkconn.ledger.postgres_url import PostgresPlace

#: Seconds' worth of slots that a worker takes at once.
_WORTH_S: Final = 0.15
#: A slot that was missed by more is lost: to use it now would bring two requests together.
_MISSED_S: Final = 0.02
#: Seconds for which a worker holds back when the row cannot be reached.
_BLIND_S: Final = 0.5
_ANSWER_S: Final = 3.0
#: Seconds after which a worker that waits for a slot far away asks whether the gate was closed meanwhile.
_HEAR_S: Final = 0.5

_MAKE: Final = """
    SELECT pg_advisory_xact_lock(hashtext('bulkconn_pace'));
    CREATE SCHEMA IF NOT EXISTS bulkconn_pace;
    CREATE TABLE IF NOT EXISTS bulkconn_pace.paces (
        base_url TEXT NOT NULL,
        org_id TEXT NOT NULL,
        pace DOUBLE PRECISION NOT NULL,
        complaint_pace DOUBLE PRECISION NOT NULL DEFAULT 0,
        next_at TIMESTAMPTZ NOT NULL,
        closed_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        lowered_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        strained_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        climbed_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (base_url, org_id)
    );
    GRANT USAGE ON SCHEMA bulkconn_pace TO PUBLIC;
    GRANT SELECT, INSERT, UPDATE ON bulkconn_pace.paces TO PUBLIC;
"""
_ENTER: Final = """
    INSERT INTO bulkconn_pace.paces (base_url, org_id, pace, next_at, climbed_at)
    VALUES (%(url)s, %(org)s, %(ceiling)s, clock_timestamp(), clock_timestamp()) ON CONFLICT DO NOTHING
"""
# The pace climbs with time as a single process's does: by a fifth a second, by 0.3 % near the last complaint.
_TAKE: Final = """
    WITH now AS (SELECT clock_timestamp() AS at),
    old AS (
        SELECT paces.*, now.at, least(%(ceiling)s, pace * (1 + least(1, extract(epoch FROM at - climbed_at))
            * CASE WHEN lowered_at > at - interval '60 s' AND pace >= complaint_pace * 0.9
                   THEN 0.003 ELSE 0.2 END)) AS climbed
        FROM bulkconn_pace.paces, now WHERE base_url = %(url)s AND org_id = %(org)s FOR UPDATE OF paces
    ),
    taken AS (
        SELECT *, greatest(next_at, at) AS starts_at,
            greatest(1, least(%(wanted)s, round(climbed * %(worth)s))) AS slots
        FROM old
    )
    UPDATE bulkconn_pace.paces SET
        pace = taken.climbed, climbed_at = taken.at,
        next_at = CASE WHEN taken.closed_until > taken.at THEN paces.next_at
            ELSE starts_at + make_interval(secs => slots * %(margin)s / taken.climbed) END
    FROM taken WHERE paces.base_url = taken.base_url AND paces.org_id = taken.org_id
    RETURNING taken.climbed, slots, extract(epoch FROM starts_at - taken.at),
        CASE WHEN taken.closed_until > taken.at
            THEN extract(epoch FROM taken.closed_until - taken.at) ELSE 0 END
"""
_CLOSE: Final = """
    UPDATE bulkconn_pace.paces SET
        closed_until = greatest(closed_until, clock_timestamp() + make_interval(secs => %(seconds)s))
    WHERE base_url = %(url)s AND org_id = %(org)s
"""
_HEAR: Final = """
    SELECT CASE WHEN closed_until > clock_timestamp()
            THEN extract(epoch FROM closed_until - clock_timestamp()) ELSE 0 END FROM bulkconn_pace.paces
    WHERE base_url = %(url)s AND org_id = %(org)s
"""
_LOWER: Final = """
    UPDATE bulkconn_pace.paces SET
        complaint_pace = pace, pace = greatest(least(%(floor)s, %(ceiling)s), pace * 0.7),
        lowered_at = clock_timestamp(), climbed_at = clock_timestamp()
    WHERE base_url = %(url)s AND org_id = %(org)s
        AND lowered_at < clock_timestamp() - make_interval(secs => %(age)s)
"""
_STRAIN: Final = """
    UPDATE bulkconn_pace.paces SET
        pace = greatest(least(%(floor)s, %(ceiling)s), pace * 0.9),
        strained_at = clock_timestamp(), climbed_at = clock_timestamp()
    WHERE base_url = %(url)s AND org_id = %(org)s AND strained_at < clock_timestamp() - interval '1 s'
"""
_RESTART: Final = """
    UPDATE bulkconn_pace.paces SET
        pace = least(%(ceiling)s, greatest(1, %(ceiling)s * 0.1)), complaint_pace = %(ceiling)s,
        lowered_at = clock_timestamp(), climbed_at = clock_timestamp()
    WHERE base_url = %(url)s AND org_id = %(org)s
"""


class SharedPacer:
    """A `Pacer` that shares the pace of a target with all workers on one database.

    Use it as a context manager. While the database cannot be reached no slot is given out: the gate counts
    as closed.
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
            "worth": _WORTH_S,
        }
        self._ceiling_per_s = ceiling_per_s
        self._rate_per_s = ceiling_per_s
        self._log = log
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._asking = asyncio.Lock()
        self._waiting = asyncio.Lock()
        self._slots: deque[float] = deque()
        self._strain = Strain()
        self._closed_until_s = 0.0
        self._heard_s = float("-inf")
        self._complained_at_s = float("-inf")
        self._tasks: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Self:
        """Give itself; the database is asked for the first time when a slot is."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Let go of the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop()

    @property
    def rate_per_s(self) -> float:
        """The pace of all together, as last read."""
        return self._rate_per_s

    @property
    def ceiling_per_s(self) -> float:
        """The pace that all together never pass."""
        return self._ceiling_per_s

    @property
    def aboard_limit(self) -> int:
        """So many slots are taken at once."""
        return max(1, round(self._rate_per_s * _WORTH_S))

    @property
    def closed_for_s(self) -> float:
        """Seconds for which somebody has closed the gate, or nobody can be asked."""
        return max(0.0, self._closed_until_s - time.monotonic())

    async def acquire(self, wanted: int) -> None:
        """Wait for the next slot of this worker; without one where the gate is closed."""
        async with self._waiting:
            while not self.closed_for_s:
                now_s = time.monotonic()
                while self._slots and self._slots[0] < now_s - _MISSED_S:
                    self._slots.popleft()
                if not self._slots:
                    await self._take(max(1, wanted))
                    continue
                if self._slots[0] > now_s and now_s - self._heard_s > _HEAR_S:
                    await self._hear()
                    continue
                if self._slots[0] > now_s:
                    # A closing that is heard of meanwhile must not wait for a slot far away.
                    await asyncio.sleep(min(self._slots[0] - now_s, _WORTH_S))
                    continue
                self._slots.popleft()
                if len(self._slots) <= 1 and wanted > 1 and not self._asking.locked():
                    self._spawn(self._take(wanted - 1))
                return

    def close_for(self, seconds: float) -> None:
        """Close the gate of all workers: of this one at once, of others as soon as the row can be told."""
        until_s = time.monotonic() + seconds
        self._closed_until_s = max(self._closed_until_s, until_s)
        self._spawn(self._tell_closing(until_s))

    def on_accepted(self, now_s: float) -> None:
        """The pace climbs with time; what was taken tells whether a 5xx is a stray one."""
        self._strain.on_accepted(now_s)

    def on_strain(self, now_s: float) -> None:
        """Lower the pace of all by a tenth, at most once a second; this worker's stray 5xx do not count."""
        if self._strain.on_stumble(now_s):
            self._spawn(self._tell(_STRAIN))

    def on_complaint(self, now_s: float, sent_at_s: float) -> bool:
        """Lower the pace of all, once for all requests that left before it was lowered."""
        is_news = sent_at_s > self._complained_at_s
        if is_news:
            self._complained_at_s = now_s
            self._spawn(self._tell(_LOWER, age=max(0.0, now_s - sent_at_s)))
        return is_news

    def restart_low(self, now_s: float) -> None:
        """Begin at a tenth of the ceiling."""
        del now_s
        self._spawn(self._tell(_RESTART))

    async def _take(self, wanted: int) -> None:
        async with self._asking:
            row = await self._ask(_TAKE, wanted=wanted)
            asked_s = time.monotonic()
        if not row:
            return
        rate_per_s, slots, starts_in_s, closed_for_s = (float(one) for one in row)
        self._rate_per_s = rate_per_s
        self._heard_s = asked_s
        if closed_for_s > 0.0:
            self._close_until(asked_s + closed_for_s)
            return
        gap_s = SPACING_MARGIN / rate_per_s
        self._slots.extend(asked_s + starts_in_s + number * gap_s for number in range(int(slots)))

    async def _hear(self) -> None:
        """Ask whether another worker has closed the gate."""
        async with self._asking:
            row = await self._ask(_HEAR)
        if row is None:
            return
        self._heard_s = time.monotonic()
        if row and float(row[0]) > 0.0:
            self._close_until(self._heard_s + float(row[0]))

    def _close_until(self, until_s: float) -> None:
        self._closed_until_s = max(self._closed_until_s, until_s)
        self._slots.clear()

    async def _tell(self, sql: str, **values: object) -> bool:
        """Tell the row; False where it cannot be reached."""
        async with self._asking:
            return await self._ask(sql, **values) is not None

    async def _tell_closing(self, until_s: float) -> None:
        """Tell it until it is known: nobody else has heard how long the service wants to be left alone."""
        while (left_s := until_s - time.monotonic()) > 0.0:
            if await self._tell(_CLOSE, seconds=left_s):
                return
            await asyncio.sleep(_BLIND_S)

    async def _ask(self, sql: str, **values: object) -> tuple[Any, ...] | None:
        """Ask the row; None where it cannot be reached: then the gate is closed for a moment.

        A statement that gives nothing gives an empty row.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                connection = await self._connected()
                cursor = await connection.execute(sql, {**self._values, **values})
                return (await cursor.fetchone() or ()) if cursor.description else ()
        except (psycopg.Error, OSError, TimeoutError) as error:
            self._slots.clear()
            self._closed_until_s = max(self._closed_until_s, time.monotonic() + _BLIND_S)
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
                found = await connection.execute("SELECT to_regclass('bulkconn_pace.paces')")
                if await found.fetchone() == (None,):
                    await connection.execute(_MAKE)
                await connection.execute(_ENTER, self._values)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
