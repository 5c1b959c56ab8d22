"""The same verbs for every kind of ledger: is it there, read it, hold it.

PostgreSQL's driver is an extra and takes long to import, so it is imported once a ledger is there.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from bulkconn.core.errors import UsageError
from bulkconn.ledger.opening import open_read_only as open_file_read_only
from bulkconn.ledger.postgres_url import PostgresPlace
from bulkconn.ledger.sqlite import SqliteLedger

if TYPE_CHECKING:
    from datetime import datetime
    from types import ModuleType

    from bulkconn.core.names import LedgerId
    from bulkconn.core.protocols import Clock
    from bulkconn.core.record import Target
    from bulkconn.ledger.locate import Place
    from bulkconn.ledger.sql_store import SqlStore
    from bulkconn.ledger.stored import StoredLedger


def open_read_only(place: Place) -> SqlStore:
    """Open a ledger to read it, whoever holds it.

    Raises:
        UsageError: there is none, or its driver is not installed.
        LedgerError: it cannot be read, or is from another version.
    """
    if isinstance(place, PostgresPlace):
        store: SqlStore = _postgres().open_postgres_read_only(place)
        return store
    return open_file_read_only(place)


def is_there(place: Place) -> bool:
    """Tell whether a ledger was ever made there.

    Raises:
        LedgerError: it cannot be reached.
    """
    if isinstance(place, PostgresPlace):
        there: bool = _postgres().is_there(place)
        return there
    return place.exists()


async def open_ledger(
    place: Place,
    target: Target,
    *,
    now: datetime,
    new_ledger_id: LedgerId,
    clock: Clock,
    request_timeout_s: float,
) -> StoredLedger:
    """Open a ledger and hold it, or make it: then it belongs to `target` under the new id.

    `request_timeout_s` is how long a request may be on its way: whoever takes over from a holder that
    died waits for so long.

    Raises:
        UsageError: it belongs to another target, or its driver is not installed.
        LedgerError: another holds it, it is damaged or cannot be reached, or is from a newer bulkconn.
    """
    if not isinstance(place, PostgresPlace):
        return await SqliteLedger.open(place, target, now=now, new_ledger_id=new_ledger_id, clock=clock)
    _postgres()
    from bulkconn.ledger.postgres import Holder  # noqa: PLC0415 - needs the driver
    from bulkconn.ledger.postgres_ledger import PostgresLedger  # noqa: PLC0415 - likewise

    holder = Holder(f"{socket.gethostname()}, process {os.getpid()}", request_timeout_s)
    return await PostgresLedger.open(place, target, holder, now=now, new_ledger_id=new_ledger_id, clock=clock)


def _postgres() -> ModuleType:
    try:
        from bulkconn.ledger import postgres_opening  # noqa: PLC0415 - an extra that may be missing
    except ImportError as error:
        raise UsageError(
            "a ledger in PostgreSQL needs the package psycopg, which is not installed",
            fix="pip install 'bulkconn[fleet]', then run the same command again",
        ) from error
    return postgres_opening
