"""Proxies of the environment are used, and what fails on the way through them was not sent."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from yarl import URL

from bulkconn.core.errors import UsageError
from bulkconn.core.reply import Fault, FaultKind, Reply
from bulkconn.flowservice import ClientSettings, FlowService
from bulkconn.flowservice.proxy import proxy_of
from tests.fakes import scripted_server as scripted
from tests.fakes.scripted_server import ScriptedServer, Step, answer, closed_port
from tests.integration.flowservice.values import PASSWORD, TOKEN, TurnedClock

if TYPE_CHECKING:
    from pathlib import Path

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import Token


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the proxies of the machine that runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


ENVIRONMENTS: dict[str, tuple[str, dict[str, str], str | None]] = {
    "none": ("https://flow.test", {}, None),
    "https": ("https://flow.test", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
    "lower-case": ("https://flow.test", {"https_proxy": "http://p:1"}, "http://p:1"),
    "http-only": ("https://flow.test", {"HTTP_PROXY": "http://p:1"}, None),
    "all": ("https://flow.test", {"ALL_PROXY": "p:1"}, "http://p:1"),
    "excepted": ("https://flow.test", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".test"}, None),
    "excepted-by-port": (
        "https://flow.test",
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "flow.test:443"},
        None,
    ),
    "this-machine": ("http://127.0.0.1:8080", {"HTTP_PROXY": "http://p:1"}, None),
}


@pytest.mark.parametrize(("url", "environment", "proxy"), ENVIRONMENTS.values(), ids=ENVIRONMENTS.keys())
def test_proxy_of_reads_the_environment(
    url: str, environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual variables count, exceptions too, and this machine is never behind a proxy."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(URL(url)) == (URL(proxy) if proxy else None)


@pytest.mark.parametrize("proxy", ["socks5://u:hunter2@p:1", "http://[hunter2", "http://"])
def test_proxy_of_unusable_proxy_is_refused_at_the_start(
    proxy: str, monkeypatch: pytest.MonkeyPatch, settings: ClientSettings
) -> None:
    """A proxy that cannot be used is not silently left out; its password is not repeated."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(UsageError, match="is not an HTTP proxy") as caught:
        FlowService("https://flow.test", settings, TurnedClock())
    assert "hunter2" not in repr(caught.value) + caught.value.fix


BROKEN: dict[str, tuple[Step, str]] = {
    "refuses": (answer(407), "the proxy refused to connect to the server (status 407)"),
    "closes": (scripted.CLOSE_WITHOUT_REPLY, "the server closed the connection without an answer"),
    "hangs": (scripted.HANG_BEFORE_REPLY, "no connection in time"),
    "garbage": (scripted.GARBAGE, "the answer was not HTTP"),
}


@pytest.mark.parametrize(("step", "detail"), BROKEN.values(), ids=BROKEN.keys())
async def test_create_proxy_that_fails_is_not_sent(
    step: Step,
    detail: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: ClientSettings,
    request_to_send: ConnectionRequest,
    token: Token,
) -> None:
    """Before the tunnel stands nothing was sent, and the proxy has seen neither token nor body."""
    async with ScriptedServer(step) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pw@127.0.0.1:{server.port}")
        async with FlowService("https://flow.invalid", settings, TurnedClock()) as service:
            fault = await service.create(request_to_send, token)
    assert fault == Fault(FaultKind.NOT_SENT, detail)
    [request] = server.requests
    assert (request.method, request.target) == ("CONNECT", "flow.invalid:443")
    assert request.headers["proxy-authorization"] == "Basic " + b64encode(b"user:pw").decode()
    assert TOKEN not in repr(request.headers)
    assert PASSWORD not in repr(request.headers)


async def test_create_proxy_out_of_reach_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
    settings: ClientSettings,
    request_to_send: ConnectionRequest,
    token: Token,
) -> None:
    """A proxy that is down is not the service's doing."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    async with FlowService("https://flow.invalid", settings, TurnedClock()) as service:
        fault = await service.create(request_to_send, token)
    assert fault == Fault(FaultKind.NOT_SENT, "no connection to the proxy could be made (Connection refused)")


async def test_create_through_a_proxy_arrives(
    monkeypatch: pytest.MonkeyPatch,
    settings: ClientSettings,
    request_to_send: ConnectionRequest,
    token: Token,
) -> None:
    """A request is handed to the proxy and its reply comes back."""
    open_settings = settings.model_copy(update={"allow_http": True})
    async with ScriptedServer(scripted.CREATED) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        async with FlowService("http://flow.invalid/x", open_settings, TurnedClock()) as service:
            reply = await service.create(request_to_send, token)
    assert isinstance(reply, Reply)
    assert reply.status == 201
    assert server.requests[0].target == "http://flow.invalid/x/connections"


async def test_create_netrc_does_not_replace_the_token(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: ClientSettings,
    request_to_send: ConnectionRequest,
    token: Token,
) -> None:
    """An entry of ~/.netrc for the host changes nothing."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        ScriptedServer(scripted.CREATED) as server,
        FlowService(server.url, settings, TurnedClock()) as service,
    ):
        await service.create(request_to_send, token)
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
