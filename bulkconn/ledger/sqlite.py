"""A ledger in a SQLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.ledger.opening import open_store
from bulkconn.ledger.stored import StoredLedger
from bulkconn.ledger.writer import StoreThread

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from bulkconn.core.names import LedgerId
    from bulkconn.core.protocols import Clock
    from bulkconn.core.record import Target


class SqliteLedger(StoredLedger):
    """A ledger in a file, held by this process alone."""

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
