"""The secret stores: a line for each scheme. Their libraries are imported when they are first asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.secretrefs.aws import AwsStore
from bulkconn.secretrefs.azure import AzureStore
from bulkconn.secretrefs.env import EnvironmentStore
from bulkconn.secretrefs.file import FileStore
from bulkconn.secretrefs.gcp import GcpStore
from bulkconn.secretrefs.keyring import KeyringStore
from bulkconn.secretrefs.store import StoreKind
from bulkconn.secretrefs.vault.store import VaultStore

if TYPE_CHECKING:
    from bulkconn.secretrefs.web import Web


def all_stores(web: Web) -> tuple[StoreKind, ...]:
    """Give every store that there is, in the order of the documents.

    Args:
        web: The way to stores whose address the user names.
    """
    return (
        StoreKind("env", EnvironmentStore),
        StoreKind("file", FileStore),
        # A keyring that asks somebody for its password asks once.
        StoreKind("keyring", KeyringStore, library="keyring", extra="keyring", at_once=1),
        StoreKind("vault", lambda: VaultStore(web)),
        StoreKind("aws-sm", AwsStore, library="boto3", extra="aws"),
        StoreKind("azure-kv", AzureStore, library="azure.keyvault.secrets", extra="azure"),
        StoreKind("gcp-sm", GcpStore, library="google.cloud.secretmanager_v1", extra="gcp"),
    )
