"""`azure-kv://` with Azure's real client against a key vault's HTTP API on loopback, over TLS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.identity import CredentialUnavailableError
from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets import aio

from bulkconn.secretrefs.azure import AzureStore
from tests.fakes.scripted_server import closed_port
from tests.fakes.web_server import Call, WebServer
from tests.integration.secretrefs.reading import MARK, down, objection, read, refusal
from tests.servers.certificates import Certificates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = f"p@ss {MARK}"
_CHALLENGE = 'Bearer authorization="https://login.example.com/tenant", resource="https://vault.azure.net"'


class _Credential:
    """Gives a token, or says that it has none."""

    def __init__(self, *, has_token: bool = True) -> None:
        self._has_token = has_token

    async def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        if not self._has_token:
            raise CredentialUnavailableError(message=MARK)
        return AccessToken(f"{MARK}-token", int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class _Vault:
    """Answers as a key vault does, challenge first; `script` comes before everything."""

    def __init__(self) -> None:
        self.script: list[web.Response] = []
        self.secrets = {"pg": SECRET, "json": f'{{"password": "{SECRET}"}}', "none": "", "pg/v1": "old"}
        self.asked: list[str] = []

    def __call__(self, call: Call) -> web.Response:
        path = call.path.partition("?")[0].removeprefix("/secrets/").rstrip("/")
        self.asked.append(path)
        if "authorization" not in call.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": _CHALLENGE})
        assert call.headers["authorization"] == f"Bearer {MARK}-token"
        if self.script:
            return self.script.pop(0)
        if path not in self.secrets:
            return failure(404, "SecretNotFound")
        return web.json_response(
            {"value": self.secrets[path], "id": f"https://x.vault.azure.net/secrets/{path}"}
        )


def failure(status: int, code: str, **headers: str) -> web.Response:
    """Give an error as Azure writes them."""
    body = {"error": {"code": code, "message": f"{MARK} is not told"}}
    return web.json_response(body, status=status, headers=headers)


@pytest.fixture
def vault() -> _Vault:
    """Give the secrets of a key vault."""
    return _Vault()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Give an authority and a certificate for this machine."""
    return Certificates.make(tmp_path_factory.mktemp("tls"), "127.0.0.1", "vault.test")


@pytest.fixture
async def server(vault: _Vault, certificates: Certificates) -> AsyncIterator[WebServer]:
    """Give the vault's server."""
    async with WebServer(vault, tls=certificates.server_side()) as server:
        yield server


class _Stores:
    """Makes stores whose vaults are all the one server here, whatever they are called."""

    def __init__(self, url: str, certificates: Certificates) -> None:
        self._url = url
        self._certificates = certificates
        self.hosts: list[str] = []

    def make(
        self, *, url: str | None = None, has_token: bool = True, is_verified: bool = False
    ) -> AzureStore:
        """Give a store."""

        def client(host: str) -> aio.SecretClient:
            self.hosts.append(host)
            return aio.SecretClient(
                url or self._url,
                _Credential(has_token=has_token),
                retry_total=0,
                connection_verify=str(self._certificates.authority),
                verify_challenge_resource=is_verified,
            )

        return AzureStore(client)


@pytest.fixture
def stores(server: WebServer, certificates: Certificates) -> _Stores:
    """Give what makes stores for the server."""
    return _Stores(server.url, certificates)


@pytest.mark.parametrize(
    ("uri", "secret", "host"),
    [
        ("azure-kv://My-Vault/pg", SECRET, "https://my-vault.vault.azure.net"),
        ("azure-kv://my-vault/pg/v1", "old", "https://my-vault.vault.azure.net"),
        ("azure-kv://my-vault/json#password", SECRET, "https://my-vault.vault.azure.net"),
        ("azure-kv://my-vault.vault.azure.cn/pg", SECRET, "https://my-vault.vault.azure.cn"),
    ],
)
async def test_read_gives_the_secret_of_a_vault(stores: _Stores, uri: str, secret: str, host: str) -> None:
    """The newest version or the one that is named, or a field; also of Azure's other clouds."""
    assert await read(stores.make(), uri) == secret
    assert stores.hosts == [host]


@pytest.mark.parametrize(
    ("uri", "code"), [("azure-kv://v-1/no", "secret_not_found"), ("azure-kv://v-1/none", "secret_not_found")]
)
async def test_read_of_a_secret_that_is_not_there_fails_its_row(stores: _Stores, uri: str, code: str) -> None:
    """The reference is at fault, not the store."""
    assert (await refusal(stores.make(), uri)).code == code


@pytest.mark.parametrize(
    ("status", "code"), [(403, "secret_denied"), (400, "secret_unavailable"), (404, "secret_not_found")]
)
async def test_read_that_azure_refuses_fails_its_row(
    stores: _Stores, vault: _Vault, status: int, code: str
) -> None:
    """No permission, or a secret that is disabled: what Azure says besides is not told."""
    vault.script = [failure(status, "Forbidden")]
    assert (await refusal(stores.make(), "azure-kv://v-1/pg")).code == code


async def test_read_from_a_vault_in_trouble_is_asked_again(stores: _Stores, vault: _Vault) -> None:
    """Throttled or unwell: asked again, after the pause that it wants; in the end the run stops."""
    vault.script = [failure(429, "Throttled", **{"Retry-After": "0"}), failure(503, "x"), failure(500, "x")]
    assert await read(stores.make(), "azure-kv://v-1/pg") == SECRET
    vault.script = [failure(429, "Throttled", **{"Retry-After": "7"})]
    error = await down(stores.make(), "azure-kv://v-1/pg")
    assert "v-1.vault.azure.net cannot answer now (status 429), and asks to wait 7 s" in str(error)


async def test_read_from_a_vault_that_is_not_reached_stops_the_run_in_the_end(stores: _Stores) -> None:
    """A refused connection, or a vault that does not exist, is trouble like any other."""
    error = await down(stores.make(url=f"https://127.0.0.1:{closed_port()}"), "azure-kv://v-1/pg")
    assert str(error).startswith("the key vault v-1.vault.azure.net is not reached (ServiceRequestError)")


async def test_read_without_an_identity_stops_the_run(stores: _Stores) -> None:
    """No row can have its secret; the reader is told how Azure's tools find who we are."""
    error = await down(stores.make(has_token=False), "azure-kv://v-1/pg")
    assert str(error) == "Azure gives us no identity that the key vault v-1.vault.azure.net takes"
    assert "az login" in error.fix


async def test_read_with_an_identity_that_is_not_taken_stops_the_run(stores: _Stores, vault: _Vault) -> None:
    """A 401 on a token concerns every secret."""
    vault.script = [failure(401, "Unauthorized")]
    error = await down(stores.make(), "azure-kv://v-1/pg")
    assert "no identity that the key vault v-1.vault.azure.net takes" in str(error)


async def test_read_from_what_is_no_key_vault_sends_no_token(stores: _Stores, server: WebServer) -> None:
    """A server that asks for a token meant for another is not given one."""
    error = await down(stores.make(is_verified=True), "azure-kv://v-1/pg")
    assert "asks for a token that is not for a key vault" in str(error)
    assert all("authorization" not in call.headers for call in server.calls)


@pytest.mark.parametrize(
    "uri",
    [
        "azure-kv://vault",
        "azure-kv://vault/",
        "azure-kv:///pg",
        "azure-kv://v/pg",
        "azure-kv://vault/p_g",
        "azure-kv://vault/pg/v1/x",
        "azure-kv://vault/pg/v-1",
        "azure-kv://evil.example.com/pg",
        "azure-kv://evil.example.com#.vault.azure.net/pg",
        "azure-kv://user@vault/pg",
    ],
)
def test_reference_that_names_no_secret_of_a_key_vault_is_refused_unasked(uri: str) -> None:
    """Known at plan time; and no inventory leads a token to somebody else's host."""
    assert objection(AzureStore(), uri).fix


async def test_store_asks_with_azures_own_client_and_identity() -> None:
    """What a run uses: the default chain of identities, made once for all vaults; nothing is asked yet."""
    store = AzureStore()
    first, second = (store._new_client(f"https://{name}.vault.azure.net") for name in ("a-1", "b-1"))
    assert isinstance(first, aio.SecretClient)
    assert isinstance(store._credential, DefaultAzureCredential)
    store._clients = {"a": first, "b": second}
    await store.close()
    assert store._credential is None
