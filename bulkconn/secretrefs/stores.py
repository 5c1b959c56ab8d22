"""The secret stores: a line for each scheme. What a store needs is imported when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.secretrefs.env import EnvironmentStore
from bulkconn.secretrefs.file import FileStore
from bulkconn.secretrefs.store import StoreKind

if TYPE_CHECKING:
    from bulkconn.secretrefs.store import SecretStore
    from bulkconn.secretrefs.web import Web


def all_stores(web: Web) -> tuple[StoreKind, ...]:
    """Give every store that there is, in the order of the documents.

    Args:
        web: The way to stores whose address the user names.
    """

    def vault() -> SecretStore:
        from bulkconn.secretrefs.vault.store import VaultStore  # noqa: PLC0415 - only where it is named

        return VaultStore(web)

    return (
        StoreKind("env", EnvironmentStore),
        StoreKind("file", FileStore),
        StoreKind("vault", vault),
    )
