"""The ledger of a fleet: in PostgreSQL, and opened without being held."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bulkconn.cli.wiring import ledger_place
from bulkconn.core.errors import UsageError
from bulkconn.ledger.postgres_url import PostgresPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.cli.given import Given
    from bulkconn.core.protocols import Clock
    from bulkconn.ledger.postgres import PostgresStore


def fleet_place(given: Given) -> PostgresPlace:
    """Say where the fleet's ledger is.

    Raises:
        UsageError: it is no PostgreSQL, or what a fleet needs is not installed.
    """
    place = ledger_place(given) if given.text("ledger") else None
    if not isinstance(place, PostgresPlace):
        raise UsageError(
            "workers share a ledger in PostgreSQL, and none is named",
            fix="give --ledger postgresql://user@host/database (or BULKCONN_LEDGER)",
        )
    for package in ("psycopg", "procrastinate"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise UsageError(
                f"a fleet needs the package {package}, which is not installed",
                fix="pip install 'bulkconn[fleet]', then run the same command again",
            ) from error
    return place


@contextmanager
def opened_store(place: PostgresPlace, clock: Clock) -> Iterator[PostgresStore]:
    """Connect to the ledger's database for the length of the block; nothing is held."""
    from bulkconn.ledger.postgres import PostgresStore  # noqa: PLC0415 - an extra that may be missing

    store = PostgresStore(place, elapsed_s=clock.elapsed_s)
    try:
        yield store
    finally:
        store.close()
