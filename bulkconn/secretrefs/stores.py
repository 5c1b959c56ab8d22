"""The secret stores: a line for each scheme. What a store needs is imported when it is made."""

from __future__ import annotations

from bulkconn.secretrefs.env import EnvironmentStore
from bulkconn.secretrefs.file import FileStore
from bulkconn.secretrefs.store import StoreKind


def all_stores() -> tuple[StoreKind, ...]:
    """Give every store that there is, in the order of the documents."""
    return (
        StoreKind("env", EnvironmentStore),
        StoreKind("file", FileStore),
    )
