"""A ledger in PostgreSQL, held by a lease that this process renews."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeVar, cast

from bulkconn.core.errors import LedgerError
from bulkconn.core.record import DoubtSince
from bulkconn.ledger.postgres_opening import open_postgres
from bulkconn.ledger.stored import StoredLedger
from bulkconn.ledger.writer import StoreThread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bulkconn.core.names import LedgerId, RunId
    from bulkconn.core.protocols import Clock
    from bulkconn.core.record import Target
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.postgres import Holder, PostgresStore
    from bulkconn.ledger.postgres_url import PostgresPlace

T = TypeVar("T")


class PostgresLedger(StoredLedger):
    """A ledger, or a shard of one, held by this process as long as it gives signs of life."""

    def __init__(self, store: PostgresStore, writer: StoreThread, clock: Clock, lease_s: float) -> None:
        super().__init__(store.info, writer, clock, store.own_rows)
        self._store = store
        self._renewal = asyncio.create_task(self._renew(lease_s / 3))

    @classmethod
    async def open(
        cls,
        place: PostgresPlace,
        target: Target,
        holder: Holder,
        *,
        now: datetime,
        new_ledger_id: LedgerId,
        clock: Clock,
    ) -> Self:
        """Open the ledger, or make it for `target` under the new id, and take the holder's lease.

        Raises:
            UsageError: it belongs to another target.
            LedgerError: another holds it, it cannot be reached, or it is from a newer bulkconn.
        """
        writer = await StoreThread.start(
            lambda: open_postgres(
                place, target, holder, now=now, new_ledger_id=new_ledger_id, elapsed_s=clock.elapsed_s
            )
        )
        store = cast("PostgresStore", await writer.call(lambda store: store))
        return cls(store, writer, clock, holder.lease_s)

    @property
    def send_before_s(self) -> float:
        """Say when the lease ends, as far as it is known by now."""
        return self._store.send_before_s

    @property
    def quiet_at_s(self) -> float:
        """Say from when nothing that earlier holders sent can be on its way."""
        return self._store.quiet_at_s

    async def begin_run(self, run_id: RunId, at: datetime, settings: Mapping[str, object]) -> int:
        """Record a run; rows that an earlier holder left as `sending` are in doubt.

        Their grace begins once no request of that holder can be on its way any more.
        """
        since = self._cut_off_since()
        return await self._writer.call(lambda store: store.begin_run(run_id, at, settings, since))

    def _cut_off_since(self) -> DoubtSince:
        return DoubtSince(self._clock.clock_id, max(self._clock.elapsed_s(), self.quiet_at_s))

    async def write(self, work: Callable[[Database], T]) -> T:
        """Do other work behind the fence of the lease, durable when this returns."""
        return await self._writer.call(lambda store: cast("PostgresStore", store).write(work))

    async def close(self) -> None:
        """Finish all writes that were asked for, and give the lease back. Repeat: safe."""
        self._renewal.cancel()
        with suppress(asyncio.CancelledError):
            await self._renewal
        await super().close()

    async def _renew(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self._writer.call(lambda store: cast("PostgresStore", store).renew())
            except LedgerError:
                # Whoever writes next gets the same error; until then the lease's end keeps POSTs back.
                return


class ShardLedger(PostgresLedger):
    """A shard of a ledger, for a run that was begun by whoever submitted it."""

    async def begin_run(
        self,
        run_id: RunId,
        at: datetime,
        settings: Mapping[str, object],  # noqa: ARG002 - the submission has them
    ) -> int:
        """Go on with the run; rows that an earlier worker left as `sending` are in doubt."""
        since = self._cut_off_since()
        return await self._writer.call(lambda store: cast("PostgresStore", store).join_run(run_id, at, since))

    async def end_run(self, run_id: RunId, at: datetime, summary: Mapping[str, object]) -> None:
        """Leave the run as it is: other shards may have work left."""
