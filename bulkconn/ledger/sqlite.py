"""The ledger that the engine knows: `core.protocols.Ledger` over a SQLite file and its own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bulkconn.core.record import DoubtSince
from bulkconn.ledger import queries
from bulkconn.ledger.opening import open_store
from bulkconn.ledger.writer import StoreThread

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from bulkconn.core.names import ConnectionId, EndpointKey, LedgerId, RunId
    from bulkconn.core.protocols import Clock
    from bulkconn.core.record import (
        Change,
        LedgerInfo,
        LedgerRecord,
        LedgerSummary,
        NameConflict,
        RowStanding,
        Target,
        Watch,
    )
    from bulkconn.ledger.writer import Writer

T = TypeVar("T")


class SqliteLedger:
    """A ledger in use by this process. `open` makes it from a path; a simulation brings its own writer.

    Every method may raise `LedgerError`; after one did for a write, all do.
    """

    def __init__(self, info: LedgerInfo, writer: Writer, clock: Clock) -> None:
        self._info = info
        self._writer = writer
        self._clock = clock

    @classmethod
    async def open(
        cls, path: Path, target: Target, *, now: datetime, new_ledger_id: LedgerId, clock: Clock
    ) -> SqliteLedger:
        """Lock and open the ledger at `path`, or make it: then it belongs to `target` under the new id.

        Raises:
            UsageError: it belongs to another target, or its folder does not exist.
            LedgerError: it is locked, damaged, unwritable, no ledger, from a newer bulkconn, or on a
                network file system. Nothing was changed.
        """
        writer = await StoreThread.start(
            lambda: open_store(path, target, now=now, new_ledger_id=new_ledger_id)
        )
        return cls(await writer.call(lambda store: store.info), writer, clock)

    @property
    def info(self) -> LedgerInfo:
        """Say which ledger this is and which target it belongs to."""
        return self._info

    async def close(self) -> None:
        """Finish all writes that were asked for, close the file and let others have it. Repeat: safe."""
        await self._writer.close()

    async def begin_run(self, run_id: RunId, at: datetime, settings: Mapping[str, object]) -> int:
        """Record a run; rows found as `sending` were cut off and are in doubt, their grace from now."""
        since = DoubtSince(self._clock.clock_id, self._clock.elapsed_s())
        return await self._writer.call(lambda store: store.begin_run(run_id, at, settings, since))

    async def end_run(self, run_id: RunId, at: datetime, summary: Mapping[str, object]) -> None:
        """Record how a run ended."""
        await self._writer.call(lambda store: store.end_run(run_id, at, summary))

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write changes in order, all or none, durable when this returns. Cancel: may still be written."""
        await self._writer.commit(changes)

    async def records(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, LedgerRecord]:
        """Look rows up by key; unknown ones are left out."""
        return await self._read(lambda db: queries.read_records(db, keys))

    async def standings(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, RowStanding]:
        """Look up only what tells finished rows from others."""
        return await self._read(lambda db: queries.read_standings(db, keys))

    async def doubted(self, *, after: EndpointKey | None, limit: int) -> list[LedgerRecord]:
        """Give up to `limit` rows in doubt, ordered by key, beginning after a key."""
        return await self._read(lambda db: queries.read_doubted(db, after, limit))

    async def watched(self, *, since: datetime, after: EndpointKey | None, limit: int) -> list[Watch]:
        """Give the names of up to `limit` settled keys under which an attempt since then was ambiguous."""
        return await self._read(lambda db: queries.read_watched(db, since, after, limit))

    async def holders(self, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        """Say which rows hold these connection ids."""
        wanted = tuple(ids)
        return await self._read(lambda db: queries.read_holders(db, wanted))

    async def known_connection(self, sandbox: str, *, skip: int = 0) -> LedgerRecord | None:
        """Give the longest-known created row of a sandbox, `skip` of them passed over."""
        return await self._read(lambda db: queries.read_known_connection(db, sandbox, skip))

    async def conflicts(
        self, names: Sequence[tuple[EndpointKey, str, str, str]]
    ) -> dict[EndpointKey, NameConflict]:
        """For (key, sandbox, connection spec id, loose name): which other key has that name already."""
        return await self._read(lambda db: queries.read_conflicts(db, names))

    async def summary(self) -> LedgerSummary:
        """Count the whole ledger."""
        return await self._read(queries.read_summary)

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await self._writer.call(lambda store: store.read(query))
