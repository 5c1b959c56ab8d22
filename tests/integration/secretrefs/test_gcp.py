"""`gcp-sm://` with Google's real client against Secret Manager's REST API on loopback."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import RefreshError
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports.rest import (
    SecretManagerServiceRestTransport,
)

from bulkconn.secretrefs import gcp
from bulkconn.secretrefs.gcp import GcpStore
from tests.fakes.scripted_server import closed_port
from tests.fakes.web_server import Call, WebServer
from tests.integration.secretrefs.reading import MARK, down, objection, read, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = f"p@ss {MARK}\n"


class _Google:
    """Answers as Secret Manager does; `script` comes first."""

    def __init__(self) -> None:
        self.script: list[web.Response] = []
        self.versions = {
            "projects/p-1/secrets/pg/versions/latest": SECRET.encode(),
            "projects/p-1/secrets/pg/versions/3": b"old",
            "projects/example.com:p-1/secrets/json/versions/latest": b'{"password": "x"}',
            "projects/p-1/secrets/odd/versions/latest": b"\xff",
        }

    def __call__(self, call: Call) -> web.Response:
        if self.script:
            return self.script.pop(0)
        name = unquote(call.path).removeprefix("/v1/").partition(":access")[0]
        data = self.versions.get(name)
        if data is None:
            return failure(404, "NOT_FOUND")
        return web.json_response({"name": name, "payload": {"data": base64.b64encode(data).decode()}})


def failure(status: int, code: str) -> web.Response:
    """Give an error as Google writes them."""
    error = {"code": status, "status": code, "message": f"{MARK} is not told"}
    return web.json_response({"error": error}, status=status)


class _Renewed(Credentials):
    """Credentials that are had anew whenever they are not taken."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the package types it not

    def refresh(self, request: Any) -> None:
        self.token = MARK


class _NoCredentials(Credentials):
    """Credentials that cannot be renewed."""

    def __init__(self, *, retryable: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the package types it not
        self._retryable = retryable

    def refresh(self, request: Any) -> None:
        raise RefreshError(MARK, retryable=self._retryable)


def _store(url: str, credentials: Credentials | None = None) -> GcpStore:
    def client() -> SecretManagerServiceClient:
        transport = SecretManagerServiceRestTransport(
            host=url.removeprefix("http://"),
            url_scheme="http",
            credentials=credentials or AnonymousCredentials(),
        )
        return SecretManagerServiceClient(transport=transport)

    return GcpStore(client)


@pytest.fixture
def google() -> _Google:
    """Give the secrets of two projects."""
    return _Google()


@pytest.fixture
async def server(google: _Google) -> AsyncIterator[WebServer]:
    """Give the server that has them."""
    async with WebServer(google) as server:
        yield server


@pytest.mark.parametrize(
    ("uri", "secret"),
    [
        ("gcp-sm://p-1/pg", SECRET),
        ("gcp-sm://p-1/pg/3", "old"),
        ("gcp-sm://p-1/pg/latest", SECRET),
        ("gcp-sm://example.com:p-1/json#password", "x"),
    ],
)
async def test_read_gives_the_secret_of_a_project(server: WebServer, uri: str, secret: str) -> None:
    """The newest version or the one that is named, to the letter; or a field of it."""
    assert await read(_store(server.url), uri) == secret


@pytest.mark.parametrize(
    ("uri", "code"), [("gcp-sm://p-1/no", "secret_not_found"), ("gcp-sm://p-1/odd", "secret_unavailable")]
)
async def test_read_of_a_secret_that_cannot_be_had_fails_its_row(
    server: WebServer, uri: str, code: str
) -> None:
    """It is not there, or no text."""
    assert (await refusal(_store(server.url), uri)).code == code


@pytest.mark.parametrize(("status", "code"), [(403, "secret_denied"), (400, "secret_unavailable")])
async def test_read_that_google_refuses_fails_its_row(
    server: WebServer, google: _Google, status: int, code: str
) -> None:
    """No permission, or a version that is disabled: what Google says besides is not told."""
    google.script = [failure(status, "PERMISSION_DENIED")]
    assert (await refusal(_store(server.url), "gcp-sm://p-1/pg")).code == code


@pytest.mark.parametrize("status", [429, 500, 503, 504])
async def test_read_from_google_in_trouble_is_asked_again(
    server: WebServer, google: _Google, status: int
) -> None:
    """Throttled or unwell: asked again, and in the end the run stops."""
    google.script = [failure(status, "x"), failure(status, "x")]
    assert await read(_store(server.url), "gcp-sm://p-1/pg") == SECRET
    google.script = [failure(status, "x")]
    error = await down(_store(server.url), "gcp-sm://p-1/pg")
    assert str(error).startswith(f"Google Secret Manager cannot answer now (status {status})")


async def test_read_where_google_is_not_reached_stops_the_run_in_the_end() -> None:
    """A refused connection is trouble like any other."""
    error = await down(_store(f"http://127.0.0.1:{closed_port()}"), "gcp-sm://p-1/pg")
    assert str(error).startswith("Google Secret Manager is not reached (ConnectionError)")


async def test_read_with_credentials_that_are_not_taken_stops_the_run(
    server: WebServer, google: _Google
) -> None:
    """A 401 concerns every secret."""
    google.script = [failure(401, "UNAUTHENTICATED") for _ in range(5)]
    error = await down(_store(server.url, _Renewed()), "gcp-sm://p-1/pg")
    assert str(error) == "Google Secret Manager does not take our credentials"
    assert "gcloud auth application-default login" in error.fix


@pytest.mark.parametrize(
    ("retryable", "message"),
    [(False, "Google gives us no credentials (RefreshError)"), (True, "Google gives us no credentials now")],
)
async def test_read_with_credentials_that_cannot_be_had_stops_the_run(
    server: WebServer, message: str, *, retryable: bool
) -> None:
    """Whatever Google's library says: at once, or in the end where it may pass."""
    error = await down(_store(server.url, _NoCredentials(retryable=retryable)), "gcp-sm://p-1/pg")
    assert str(error).startswith(message)


async def test_read_without_default_credentials_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run uses: Google's own client with Application Default Credentials."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    error = await down(GcpStore(), "gcp-sm://p-1/pg")
    assert str(error) == "Google gives us no credentials (DefaultCredentialsError)"


def test_client_of_a_run_speaks_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """No gRPC: its threads write to stderr on their own, and it goes by no proxy's rules but its own."""
    monkeypatch.setattr("google.auth.default", lambda *_, **__: (AnonymousCredentials(), "p-1"))
    client = gcp._new_client()
    assert isinstance(client.transport, SecretManagerServiceRestTransport)
    client.transport.close()


@pytest.mark.parametrize(
    "uri",
    [
        "gcp-sm://p-1",
        "gcp-sm://p-1/",
        "gcp-sm:///pg",
        "gcp-sm://p-1/a.b",
        "gcp-sm://p-1/pg/1/x",
        "gcp-sm://P!/a",
    ],
)
def test_reference_that_names_no_secret_of_a_project_is_refused_unasked(uri: str) -> None:
    """Known at plan time."""
    assert objection(GcpStore(), uri).fix.startswith("write it as gcp-sm://project/name")
