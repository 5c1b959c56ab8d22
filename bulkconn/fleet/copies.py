"""Copies of inventories that were made for a run's workers: they go when nothing can read them any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from bulkconn.inventory.staged import discard
from bulkconn.ledger.shards import COPIES, needs_inventories

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from bulkconn.ledger.shards import Shard
    from bulkconn.ledger.writer import StoreThread


async def drop_copies(shard: Shard, reader: StoreThread, log: FilteringBoundLogger) -> None:
    """Delete the copies of a shard's run if that shard was the last that could need them.

    Of several workers that end a run's last shards at once one at least sees it finished.
    """
    copies = shard.settings.get(COPIES, ())
    if not copies or await reader.call(
        lambda store: store.read(lambda db: needs_inventories(db, shard.run_id))
    ):
        return
    for copy in copies:
        why = await asyncio.to_thread(discard, Path(copy))
        if why is None:
            log.info("inventory.copy_deleted", copy=copy)
        else:
            fix = "delete it yourself: no worker needs it any more"
            log.warning("inventory.copy_left", copy=copy, reason=why, fix=fix)
