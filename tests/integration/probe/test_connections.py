"""TCP and TLS on real sockets: names, ports, certificates, and what stands in between."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.reach import Answer, Cause, Depth, Result
from bulkconn.probe.approach import Protocol
from bulkconn.probe.connections import find_name, probe_tcp, probe_tls, why_silent
from bulkconn.probe.mysql import probe_mysql
from bulkconn.probe.postgresql import probe_postgresql
from bulkconn.probe.target import Address
from tests.fakes.strange_servers import black_hole, strange_server
from tests.integration.probe.targets import connection_target, login_target
from tests.servers.private import free_port

if TYPE_CHECKING:
    from tests.servers.certificates import Certificates

_NOWHERE = "nonexistent.invalid"


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """Give what a TLS server needs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


async def test_tcp_to_a_server_that_listens_is_ok() -> None:
    """A connection is all that is asked for, and nothing is sent."""
    async with strange_server() as server:
        answer = await probe_tcp(connection_target(Protocol.TCP, server.port, host="127.0.0.1"))
    assert (answer.result, answer.tested, answer.encrypted) == (Result.OK, Depth.TCP, None)
    assert server.heard in ([], [b""])


async def test_port_on_which_nobody_listens_is_refused() -> None:
    """Whoever asks: also a login, and a host name with several addresses."""
    port = free_port()
    asked = [
        await probe_tcp(connection_target(Protocol.TCP, port)),
        await probe_tls(connection_target(Protocol.TLS, port)),
        await probe_postgresql(login_target(Protocol.POSTGRESQL, port)),
        await probe_mysql(login_target(Protocol.MYSQL, port)),
    ]
    assert {(one.result, one.cause, one.code) for one in asked} == {(Result.FAILED, Cause.REFUSED, "refused")}


@pytest.mark.parametrize(
    ("host", "code"), [(_NOWHERE, None), ("a" * 64 + ".example.com", "not_a_name"), ("a..b", "not_a_name")]
)
async def test_name_that_does_not_exist_is_a_matter_of_dns(host: str, code: str | None) -> None:
    """`.invalid` never exists; a resolver that gives no answer says so in another code."""
    answer = await find_name(Address(host, 5432))
    assert answer is not None
    assert answer.cause is Cause.DNS
    assert answer.code in ({"EAI_NONAME", "EAI_AGAIN"} if code is None else {code})
    assert await find_name(Address("localhost", 5432)) is None


async def test_name_that_does_not_exist_is_known_to_every_probe() -> None:
    """The drivers' own lookups are read as well."""
    asked = [
        await probe_tcp(connection_target(Protocol.TCP, 1, host=_NOWHERE)),
        await probe_postgresql(login_target(Protocol.POSTGRESQL, 1, host=_NOWHERE)),
        await probe_mysql(login_target(Protocol.MYSQL, 1, host=_NOWHERE)),
    ]
    assert {one.cause for one in asked} == {Cause.DNS}


async def test_tls_with_a_certificate_of_an_unknown_authority_fails(certificates: Certificates) -> None:
    """Certificates of services on the internet are verified."""
    async with strange_server(tls=server_context(certificates)) as server:
        answer = await probe_tls(connection_target(Protocol.TLS, server.port))
    assert (answer.cause, answer.code) == (Cause.TLS, "X509-20")


@pytest.mark.usefixtures("known_authority")
async def test_tls_with_a_certificate_of_a_known_authority_is_ok(certificates: Certificates) -> None:
    """If it bears the host's name."""
    async with strange_server(tls=server_context(certificates)) as server:
        answer = await probe_tls(connection_target(Protocol.TLS, server.port))
        other = await probe_tls(connection_target(Protocol.TLS, server.port, host="127.0.0.1"))
    assert (answer.result, answer.tested, answer.encrypted) == (Result.OK, Depth.TLS, True)
    assert (other.cause, other.code) == (Cause.TLS, "X509-64")


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["http", "nothing"])
async def test_tls_to_a_server_that_speaks_none_fails(reply: bytes) -> None:
    """What answers in clear is no TLS; what hangs up is not told apart from a proxy."""
    async with strange_server(answer=reply) as server:
        answer = await probe_tls(connection_target(Protocol.TLS, server.port, host="127.0.0.1"))
    assert answer.cause in {Cause.TLS, Cause.OTHER}
    assert answer.message


async def test_silence_of_a_server_is_told_from_that_of_a_firewall() -> None:
    """The first takes connections; the second lets nothing through, and the remedies differ."""
    async with strange_server() as server:
        silent = await why_silent(Address("127.0.0.1", server.port))
    with black_hole() as port:
        filtered = await why_silent(Address("127.0.0.1", port))
    assert (silent.cause, silent.code) == (Cause.TIMEOUT, "silent")
    assert (filtered.cause, filtered.code) == (Cause.TIMEOUT, "no_connection")
    gone: Answer = await why_silent(Address("127.0.0.1", free_port()))
    assert gone.cause is Cause.REFUSED
    nowhere: Answer = await why_silent(Address(_NOWHERE, 1))
    assert nowhere.cause is Cause.DNS


async def test_host_with_several_addresses_is_told_by_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their faults come joined into one without a number from asyncio; a closer look finds it."""
    port = free_port()
    real = socket.getaddrinfo

    def both(host: str, *args: object, **named: object) -> object:
        if host != "both.example.com":
            return real(host, *args, **named)  # type: ignore[arg-type]  # passed on as they came
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))
            for number in ("127.0.0.1", "127.0.0.2")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    for answer in (
        await probe_tcp(connection_target(Protocol.TCP, port, host="both.example.com")),
        await probe_postgresql(login_target(Protocol.POSTGRESQL, port, host="both.example.com")),
        await probe_mysql(login_target(Protocol.MYSQL, port, host="both.example.com")),
    ):
        assert (answer.cause, answer.code) == (Cause.REFUSED, "refused")
