"""Every way in which an exchange can break, on real sockets: was the request sent, is a status known?"""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from pydantic import SecretStr

from bulkconn.core.endpoint import ConnectionRequest
from bulkconn.core.protocols import PageQuery, Token
from bulkconn.core.reply import BodyState, Fault, FaultKind, Reply
from bulkconn.flowservice import ClientSettings, FlowService
from bulkconn.flowservice.faults import Stage, fault_of
from tests.fakes import scripted_server as scripted
from tests.fakes.scripted_server import ScriptedServer, Step, Then, When, answer, black_hole, closed_port
from tests.integration.flowservice.values import PASSWORD, TOKEN, TurnedClock

if TYPE_CHECKING:
    from pathlib import Path

MAYBE = FaultKind.MAYBE_PROCESSED
NOT_SENT = FaultKind.NOT_SENT

CLOSED = Fault(MAYBE, "the server closed the connection without an answer")
RESET = Fault(MAYBE, "the connection broke before an answer (Connection reset by peer)")
NO_HTTP = Fault(MAYBE, "the answer was not HTTP")
CREATED = {"id": "c1", "etag": '"v1"'}
CUT = Reply(201, None, BodyState.CUT)

BROKEN: dict[str, tuple[Step, tuple[Reply | Fault, ...]]] = {
    # Whether the request or the RST is first on the way is not ours to say; nor is it knowledge.
    "reset-on-accept": (scripted.RESET_ON_ACCEPT, (RESET, CLOSED)),
    "close-on-accept": (scripted.CLOSE_ON_ACCEPT, (CLOSED, RESET)),
    "reset-after-request": (scripted.RESET_AFTER_REQUEST, (RESET,)),
    "close-without-reply": (scripted.CLOSE_WITHOUT_REPLY, (CLOSED,)),
    "hang-before-reply": (scripted.HANG_BEFORE_REPLY, (Fault(MAYBE, "no answer in time"),)),
    "half-status-line": (scripted.HALF_STATUS_LINE, (CLOSED,)),
    "half-headers": (scripted.HALF_HEADERS, (CLOSED,)),
    "garbage-status-line": (scripted.GARBAGE, (NO_HTTP,)),
    "huge-header": (scripted.HUGE_HEADER, (NO_HTTP,)),
    "half-body": (scripted.HALF_BODY, (CUT,)),
    "half-chunked-body": (scripted.HALF_CHUNKED_BODY, (CUT,)),
    # aiohttp drops the status where both come in one packet.
    "garbage-in-chunked-body": (scripted.GARBAGE_IN_CHUNKED_BODY, (CUT, NO_HTTP)),
    "reset-in-body": (scripted.RESET_IN_BODY, (CUT,)),
    "hang-in-body": (scripted.HANG_IN_BODY, (CUT,)),
    "half-gzip-body": (scripted.HALF_GZIP_BODY, (CUT,)),
    "wrong-gzip-body": (scripted.WRONG_GZIP_BODY, (CUT,)),
    "huge-body": (answer(201, b'"' + b"x" * (1 << 20) + b'"'), (CUT,)),
    "whole-gzip-body": (
        answer(201, gzip.compress(b'{"id": "c1"}'), headers="Content-Encoding: gzip\r\n"),
        (Reply(201, {"id": "c1"}),),
    ),
    "interim-reply-first": (scripted.INTERIM_THEN_CREATED, (Reply(201, CREATED),)),
    "reply-before-the-body-is-read": (
        Step(answer(413, b'"no"').send, Then.HANG, When.HEADERS),
        (Reply(413, "no"),),
    ),
    "body-until-close": (Step(b'HTTP/1.1 201 Created\r\n\r\n{"id": "c1"}'), (Reply(201, {"id": "c1"}),)),
    "switching-protocols": (
        Step(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
        (Reply(101), Reply(101, None, BodyState.CUT), NO_HTTP),
    ),
    "created": (scripted.CREATED, (Reply(201, CREATED),)),
}


@pytest.mark.parametrize(("step", "expected"), BROKEN.values(), ids=BROKEN.keys())
async def test_create_broken_exchange_gives_reply_or_doubt(
    step: Step,
    expected: tuple[Reply | Fault, ...],
    settings: ClientSettings,
    request_to_send: ConnectionRequest,
    token: Token,
) -> None:
    """Once there was a connection the POST may have been processed; once there was a status it is kept."""
    async with (
        ScriptedServer(step) as server,
        FlowService(server.url, settings, TurnedClock()) as service,
    ):
        assert await service.create(request_to_send, token) in expected
        assert len(server.requests) <= 1


async def create_once(
    url: str, settings: ClientSettings, request: ConnectionRequest, token: Token
) -> Reply | Fault:
    """Send one request with a client of its own."""
    async with FlowService(url, settings, TurnedClock()) as service:
        return await service.create(request, token)


async def test_create_refused_port_is_not_sent(
    settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """Where nobody listens, nothing was sent."""
    fault = await create_once(f"http://127.0.0.1:{closed_port()}", settings, request_to_send, token)
    assert fault == Fault(NOT_SENT, "no connection could be made (Connection refused)")


async def test_create_unknown_host_is_not_sent(
    settings: ClientSettings,
    request_to_send: ConnectionRequest,
    token: Token,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that does not resolve is no doubt; `.invalid` never resolves, but asking may take long."""

    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    fault = await create_once("https://flow.invalid", settings, request_to_send, token)
    assert fault == Fault(NOT_SENT, "the server's name was not found")


@pytest.mark.parametrize(
    "timeouts",
    [{"timeout_s": 5.0, "connect_timeout_s": 0.1}, {"timeout_s": 0.1, "connect_timeout_s": 5.0}],
    ids=["connect-timeout", "total-timeout"],
)
async def test_create_black_hole_is_not_sent(
    timeouts: dict[str, float], settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """A connection that never comes about is certain, whichever limit ends the wait."""
    with black_hole() as port:
        with socket.socket() as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip("this system lets connections into a full queue")
        fault = await create_once(
            f"http://127.0.0.1:{port}", settings.model_copy(update=timeouts), request_to_send, token
        )
    assert fault == Fault(NOT_SENT, "no connection in time")


async def test_create_no_free_connection_in_time_is_not_sent(
    settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """A request that waited for a place of the pool in vain was not sent."""
    async with (
        ScriptedServer(scripted.HANG_BEFORE_REPLY) as server,
        FlowService(server.url, settings, TurnedClock()) as service,
        asyncio.TaskGroup() as group,
    ):
        slow = settings.concurrency
        tasks = [group.create_task(service.create(request_to_send, token)) for _ in range(slow + 1)]
        faults = [await task for task in tasks]
        assert faults == [Fault(MAYBE, "no answer in time")] * slow + [
            Fault(NOT_SENT, "no connection in time")
        ]
        assert len(server.requests) == slow


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Step(b"HTTP/1.1 400 Bad Request\r\n\r\n", when=When.ACCEPTED), "no TLS connection could be made"),
        (scripted.HANG_ON_ACCEPT, "no connection in time"),
        (scripted.CLOSE_ON_ACCEPT, "no connection could be made"),
        (scripted.RESET_ON_ACCEPT, "no connection could be made"),
    ],
    ids=["plain-http", "hang", "close", "reset"],
)
async def test_create_tls_handshake_that_fails_is_not_sent(
    step: Step, words: str, settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """Without TLS nothing is said."""
    async with ScriptedServer(step) as server:
        fault = await create_once(f"https://127.0.0.1:{server.port}", settings, request_to_send, token)
    assert isinstance(fault, Fault)
    assert fault.kind is NOT_SENT
    assert fault.detail.startswith(words)


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """Give a server's TLS with a certificate that nobody vouches for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    wanted = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run(
        [openssl, "req", "-x509", *wanted, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    return tls


async def test_create_self_signed_certificate_is_not_sent(
    self_signed: ssl.SSLContext, settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """A certificate that nobody vouches for is refused before a byte of the request."""
    async with ScriptedServer(scripted.CREATED, tls=self_signed) as server:
        fault = await create_once(server.url, settings, request_to_send, token)
        assert server.requests == []
    assert isinstance(fault, Fault)
    assert fault.kind is NOT_SENT
    assert fault.detail.startswith("the server's TLS certificate was not accepted (self")


async def test_create_stale_connection_sends_the_post_once(
    settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """A POST that runs into a connection that is just being closed is in doubt and not repeated."""
    async with (
        ScriptedServer(scripted.CREATED, scripted.CLOSE_WITHOUT_REPLY, scripted.CREATED) as server,
        FlowService(server.url, settings, TurnedClock()) as service,
    ):
        assert await service.create(request_to_send, token) == Reply(201, CREATED)
        assert await service.create(request_to_send, token) == CLOSED
        assert (len(server.requests), server.connections) == (2, 1)


async def test_list_page_stale_connection_is_asked_again(settings: ClientSettings, token: Token) -> None:
    """A GET on a dead connection is repeated on a new one."""
    async with (
        ScriptedServer(answer(200), scripted.CLOSE_WITHOUT_REPLY, answer(200)) as server,
        FlowService(server.url, settings, TurnedClock()) as service,
    ):
        for _ in range(2):
            assert await service.list_page(PageQuery("prod"), token) == Reply(200, {})
        assert len(server.requests) == 3


async def test_create_keeps_the_connection_for_the_next(
    settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """Requests follow each other on one connection, also after an error."""
    async with (
        ScriptedServer(scripted.CREATED, answer(500), scripted.CREATED) as server,
        FlowService(server.url, settings, TurnedClock()) as service,
    ):
        for _ in range(3):
            await service.create(request_to_send, token)
        assert (len(server.requests), server.connections) == (3, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_create_redirect_is_not_followed(
    status: int, settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """A redirect is a reply like others; nobody else gets the credentials."""
    async with ScriptedServer(scripted.CREATED) as other:
        location = f"{other.url}/elsewhere"
        async with ScriptedServer(answer(status, b"", headers=f"Location: {location}\r\n")) as server:
            reply = await create_once(server.url, settings, request_to_send, token)
        assert reply == Reply(status, None, location=location)
        assert other.connections == 0


async def test_create_cookies_are_not_kept(
    settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """What one reply sets does not go out with the next request."""
    async with (
        ScriptedServer(answer(201, headers="Set-Cookie: a=b\r\n")) as server,
        FlowService(server.url, settings, TurnedClock()) as service,
    ):
        for _ in range(2):
            await service.create(request_to_send, token)
        assert "cookie" not in server.requests[1].headers


async def test_list_page_large_page_is_whole_and_a_huge_one_cut(
    settings: ClientSettings, token: Token
) -> None:
    """Pages may be larger than answers to a create, but not without end, compressed ones neither."""
    large, huge = b'"' + b"x" * (2 << 20) + b'"', gzip.compress(b" " * (33 << 20))
    patient = settings.model_copy(update={"timeout_s": 10.0})
    async with (
        ScriptedServer(answer(200, large), answer(200, huge, headers="Content-Encoding: gzip\r\n")) as server,
        FlowService(server.url, patient, TurnedClock()) as service,
    ):
        reply = await service.list_page(PageQuery("prod"), token)
        assert isinstance(reply, Reply)
        assert (len(str(reply.body)), reply.body_state) == (2 << 20, BodyState.WHOLE)
        assert await service.list_page(PageQuery("prod"), token) == Reply(200, None, BodyState.CUT)


async def test_create_cancelled_stays_cancelled(
    settings: ClientSettings, request_to_send: ConnectionRequest, token: Token
) -> None:
    """A drain that runs out of time gets its way, before a reply and inside one."""
    patient = settings.model_copy(update={"timeout_s": 10.0})
    for step in (scripted.HANG_BEFORE_REPLY, scripted.HANG_IN_BODY):
        async with (
            ScriptedServer(step) as server,
            FlowService(server.url, patient, TurnedClock()) as service,
        ):
            task = asyncio.create_task(service.create(request_to_send, token))
            await server.arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


class Raising:
    """A session that raises instead of sending."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def request(self, *_: Any, **__: Any) -> None:
        """Raise."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyError(PASSWORD), Fault(MAYBE, "unexpected KeyError")),
        (aiohttp.ServerDisconnectedError(PASSWORD), CLOSED),
        (TimeoutError(PASSWORD), Fault(MAYBE, "no answer in time")),
        (aiohttp.SocketTimeoutError(PASSWORD), Fault(MAYBE, "no answer in time")),
        (aiohttp.ConnectionTimeoutError(PASSWORD), Fault(NOT_SENT, "no connection in time")),
        (aiohttp.ClientOSError(104, PASSWORD), RESET),
        (aiohttp.ClientOSError(99999, PASSWORD), Fault(MAYBE, "the connection broke before an answer")),
        (aiohttp.InvalidURL(PASSWORD), Fault(NOT_SENT, "the URL cannot be used")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_create_exception_of_a_stand_in_is_judged_by_its_class(
    error: Exception,
    expected: Fault,
    settings: ClientSettings,
    request_to_send: ConnectionRequest,
    token: Token,
) -> None:
    """Where no connector was asked the class decides; the unknown is in doubt; no word is repeated."""
    async with FlowService("https://flow.invalid", settings, TurnedClock()) as service:
        session, service.door._session = service.door._session, Raising(error)  # type: ignore[assignment]
        assert await service.create(request_to_send, token) == expected
        service.door._session = session


def test_fault_of_any_exception_after_a_connection_is_in_doubt() -> None:
    """The same exception means something else once there was a connection."""
    error = aiohttp.ConnectionTimeoutError()
    kinds = {stage: fault_of(error, stage).kind for stage in Stage}
    assert kinds == {
        Stage.NOT_BEGUN: NOT_SENT,
        Stage.CONNECTING: NOT_SENT,
        Stage.HAD_CONNECTION: MAYBE,
    }


async def test_faults_hold_no_secret(settings: ClientSettings) -> None:
    """Nothing of the request is in what a fault says."""
    token = Token(SecretStr(TOKEN), 1)
    request = ConnectionRequest(PASSWORD, None, "a", {"p": SecretStr(PASSWORD)}, "spec", "1.0", "prod")
    for step, _ in BROKEN.values():
        async with ScriptedServer(step) as server:
            fault = await create_once(server.url, settings, request, token)
        assert PASSWORD not in repr(fault)
        assert TOKEN not in repr(fault)
