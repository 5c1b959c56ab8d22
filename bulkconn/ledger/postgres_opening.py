"""From a URL to a `PostgresStore`: held for work, or opened only to be read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bulkconn.ledger.opening import check_target
from bulkconn.ledger.postgres import PostgresStore
from bulkconn.ledger.postgres_schema import read_version
from bulkconn.ledger.shards import refuse_open_shards

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bulkconn.core.names import LedgerId
    from bulkconn.core.record import Target
    from bulkconn.ledger.postgres import Holder
    from bulkconn.ledger.postgres_url import PostgresPlace


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
        UsageError: it belongs to another target, its URL cannot be read, or workers have shards of it left.
        LedgerError: it is held by another, cannot be reached, or is from a newer bulkconn.
    """
    store = PostgresStore(place, elapsed_s=elapsed_s)
    try:
        info = store.prepare(target, new_ledger_id=new_ledger_id, now=now)
        check_target(info.target, target, str(place))
        if holder.shard is None:
            store.read(refuse_open_shards)
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
