"""Probes that do not log in: a TCP connection, and a TLS handshake on it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.reach import Answer, Depth, Result
from bulkconn.probe.faults import CLOSED, NO_CONNECTION, SILENT, read_fault, unexpected
from bulkconn.probe.tls import TlsMode, tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from bulkconn.probe.target import Address, Target

    #: What `socket.getaddrinfo` gives of one address.
    _Info = tuple[int, socket.SocketKind, int, str, Any]

#: How long a second look may take that only says more about a failure.
_SECOND_LOOK_S: Final = 2.0


async def probe_tcp(target: Target) -> Answer:
    """Open a connection and close it; nothing is sent."""
    return await _connect(target.address, None, Answer(Result.OK, tested=Depth.TCP))


async def probe_tls(target: Target) -> Answer:
    """Open a connection, encrypt it, and verify the certificate; nothing else is sent."""
    context = tls_context(TlsMode.VERIFY_FULL)
    return await _connect(target.address, context, Answer(Result.OK, tested=Depth.TLS, encrypted=True))


async def look_closer(address: Address, *, default: Answer) -> Answer:
    """Say what stands between here and an address after something failed there; else `default`."""
    try:
        async with asyncio.timeout(_SECOND_LOOK_S):
            found = await _connect_each(address)
    except TimeoutError:
        return NO_CONNECTION
    return default if found is None else found


async def why_silent(address: Address) -> Answer:
    """Tell a host that lets nothing through from one that takes connections and says nothing."""
    return await look_closer(address, default=SILENT)


async def _connect(address: Address, context: ssl.SSLContext | None, good: Answer) -> Answer:
    try:
        _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except (OSError, UnicodeError) as error:
        found = read_fault(error)
        return await look_closer(address, default=unexpected(error)) if found is None else found
    writer.transport.abort()
    return good


async def find_name(address: Address) -> Answer | None:
    """Say why a host's name cannot be looked up; None if it can, or if it is an IP address.

    Done before a driver does it: a name that is not there may take long, and the few threads that an event
    loop has for lookups would let the others wait for it.
    """
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(address.host)
        return None
    try:
        await _look_up(address)
    except (OSError, UnicodeError) as error:
        return read_fault(error) or unexpected(error)
    return None


async def _connect_each(address: Address) -> Answer | None:
    """Try the addresses of a host one after the other; None once one of them takes the connection."""
    loop = asyncio.get_running_loop()
    found: Answer | None = CLOSED
    try:
        infos = await _look_up(address)
    except (OSError, UnicodeError) as error:
        return read_fault(error) or unexpected(error)
    for family, kind, protocol, _, where in infos:
        with socket.socket(family, kind, protocol) as one:
            one.setblocking(False)
            try:
                await loop.sock_connect(one, where)
            except OSError as error:
                found = read_fault(error) or unexpected(error)
            else:
                return None
    return found


async def _look_up(address: Address) -> Sequence[_Info]:
    """Ask the operating system for the addresses of a host.

    In a thread of its own, which nobody waits for: one that hangs must not keep this process from ending.

    Raises:
        OSError: there are none, or nobody knows.
        UnicodeError: no host can have this name.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[_Info]] = loop.create_future()

    def deliver(infos: Sequence[_Info], error: BaseException | None) -> None:
        if not found.done():
            found.set_result(infos) if error is None else found.set_exception(error)

    def ask() -> None:
        infos: Sequence[_Info] = ()
        fault: BaseException | None = None
        try:
            infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            fault = error
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, infos, fault)

    threading.Thread(target=ask, daemon=True).start()
    return await found
