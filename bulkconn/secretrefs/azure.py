"""`azure-kv://vault/name`: Azure Key Vault, with the identity that Azure's own tools would use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.secret import SecretStr
from bulkconn.secretrefs.fields import field_of_text, split_field
from bulkconn.secretrefs.quiet import silence
from bulkconn.secretrefs.statuses import refusal
from bulkconn.secretrefs.store import StoreTrouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from azure.core.exceptions import HttpResponseError
    from azure.identity.aio import DefaultAzureCredential
    from azure.keyvault.secrets import KeyVaultSecret

    from bulkconn.core.secret import SecretRef

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 10
#: Names, and Azure's clouds: https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates
_VAULT: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]")
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,127}")
_VERSION: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_PUBLIC: Final = "vault.azure.net"
_CLOUDS: Final = (_PUBLIC, "vault.azure.cn", "vault.usgovcloudapi.net")


class SecretClient(Protocol):
    """What is used of Azure's client for one vault."""

    def get_secret(self, name: str, version: str | None = None) -> Awaitable[KeyVaultSecret]:
        """Give a secret; without a version the newest."""
        ...

    async def close(self) -> None:
        """Close its session."""
        ...


class AzureStore:
    """Reads secrets of any number of key vaults. `make_client` takes a vault's URL; tests give their own."""

    title: Final = "Azure Key Vault"
    #: Besides the request: finding an identity may ask a metadata service or a command.
    timeout_s: Final = 60.0

    def __init__(self, make_client: Callable[[str], SecretClient] | None = None) -> None:
        self._make_client = make_client or self._new_client
        self._clients: dict[str, SecretClient] = {}
        self._credential: DefaultAzureCredential | None = None

    def check(self, reference: SecretRef) -> None:
        """Look at the reference.

        Raises:
            SecretUnavailable: it names no secret of a key vault.
        """
        _parsed(reference)

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give a secret's newest version, or the one that the reference names, or a field of it.

        Raises:
            SecretUnavailable: there is no such secret or field, or it is not for us.
            StoreTrouble: the vault throttles, is unwell, or is not reached.
            SecretStoreDown: Azure gives us no identity, or does not take it.
        """
        from azure.core.exceptions import (  # noqa: PLC0415 - an extra, and heavy
            AzureError,
            ClientAuthenticationError,
            HttpResponseError,
        )

        host, name, version, field = _parsed(reference)
        client = self._clients.get(host)
        if client is None:
            client = self._clients[host] = self._make_client(f"https://{host}")
        # None is chained: what libraries say, or carry, may hold parts of answers.
        try:
            secret = await client.get_secret(name, version)
        except ClientAuthenticationError:
            raise _no_identity(host) from None
        except HttpResponseError as error:
            raise refusal(
                error.status_code or 0, host, reference, retry_after_s=_retry_after_s(error)
            ) from None
        except AzureError as error:
            raise StoreTrouble(f"the key vault {host} is not reached ({type(error).__name__})") from None
        except ValueError:
            # Its challenge asked for a token that was meant for somebody else.
            raise SecretStoreDown(
                f"{host} asks for a token that is not for a key vault", fix="check the vault's name"
            ) from None
        return SecretStr(field_of_text(secret.value or "", field, reference))

    async def close(self) -> None:
        """Close the sessions."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.close()
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()

    def _new_client(self, url: str) -> SecretClient:
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - an extra, and heavy
        from azure.keyvault.secrets import aio  # noqa: PLC0415 - likewise

        silence("azure", "msal")
        if self._credential is None:
            self._credential = DefaultAzureCredential()
        return aio.SecretClient(
            url,
            self._credential,
            # The resolver asks again, with its own patience.
            retry_total=0,
            connection_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
        )


def _parsed(reference: SecretRef) -> tuple[str, str, str | None, str | None]:
    """Give the vault's host, the secret's name, its version and field.

    A vault is named, or given as the whole host where it lies in another cloud; no other host is ever
    sent a token.
    """
    path, field = split_field(reference)
    vault, *names = path.split("/")
    label, _, cloud = vault.lower().partition(".")
    is_place = _VAULT.fullmatch(label) is not None and cloud in {"", *_CLOUDS}
    is_name = bool(names) and _NAME.fullmatch(names[0]) is not None
    if not (is_place and is_name and len(names) <= 2 and all(map(_VERSION.fullmatch, names[1:]))):  # noqa: PLR2004 - name and version
        raise SecretUnavailable(
            f"{reference.uri} names no secret of a key vault",
            fix="write it as azure-kv://vault/name, or azure-kv://vault/name/version",
        )
    return f"{label}.{cloud or _PUBLIC}", names[0], names[1] if names[1:] else None, field


def _no_identity(host: str) -> SecretStoreDown:
    return SecretStoreDown(
        f"Azure gives us no identity that the key vault {host} takes",
        fix="log in with `az login`; or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; or run "
        "where a managed identity is",
    )


def _retry_after_s(error: HttpResponseError) -> float | None:
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
