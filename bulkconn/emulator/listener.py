"""The listening socket, which can be taken away for a while."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from typing import TYPE_CHECKING

from bulkconn.emulator.wire import reset_transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

__all__ = ["Listener"]

_BACKLOG = 1024


class _Reset(asyncio.Protocol):
    """Resets a connection as soon as it is accepted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        reset_transport(transport)


class Listener:
    """Accepts connections for an aiohttp server on one address, except while it is down."""

    def __init__(self, server: web.Server, *, refuses_next: Callable[[], bool]) -> None:
        """Prepare to accept for `server`; `refuses_next` says whether to reset the next connection."""
        self._server = server
        self._refuses_next = refuses_next
        self._address: tuple[str, int] | None = None
        self._family = socket.AF_INET
        self._holder: socket.socket | None = None
        self._listening: asyncio.Server | None = None
        self._down_until = 0.0
        self._reopening: asyncio.Task[None] | None = None

    async def open(self, host: str, port: int) -> int:
        """Begin to listen, and give the port.

        Args:
            host: Name or address of an interface; of several addresses the first is taken.
            port: 0 = a free one.

        Raises:
            OSError: The address is in use or not ours.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self._family, _, _, _, address = found[0]
        self._address = (str(address[0]), int(address[1]))
        if sys.platform == "linux":
            # Bound but not listening: while the service is down the port is refused, yet no client gets
            # it as its own port. Other systems do not allow two sockets this.
            self._holder = self._bound_socket()
        try:
            await self._listen()
        except BaseException:
            await self.close()
            raise
        return self._address[1]

    async def _listen(self) -> None:
        sock = self._bound_socket()
        try:
            self._listening = await asyncio.get_running_loop().create_server(
                self._accept, sock=sock, backlog=_BACKLOG
            )
        except BaseException:
            sock.close()
            raise

    def _bound_socket(self) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setblocking(False)
            assert self._address is not None  # noqa: S101 - only called once open
            sock.bind(self._address)
        except BaseException:
            sock.close()
            raise
        self._address = (self._address[0], sock.getsockname()[1])
        return sock

    def _accept(self) -> asyncio.BaseProtocol:
        return _Reset() if self._refuses_next() else self._server()

    def go_down(self, seconds: float) -> None:
        """Reset every connection and refuse new ones for `seconds`; then listen again on the same port."""
        self._down_until = max(self._down_until, time.monotonic() + seconds)
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for connection in self._server.connections:
            reset_transport(connection.transport)
        if self._reopening is None or self._reopening.done():
            self._reopening = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        await asyncio.sleep(max(0.0, self._down_until - time.monotonic()))
        if self._down_until > time.monotonic():
            # Somebody has lengthened it meanwhile.
            await self._reopen()
        else:
            await self._listen()

    async def close(self) -> None:
        """Stop listening for good. Requests in flight go on."""
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        if self._listening is not None:
            self._listening.close()
        if self._holder is not None:
            self._holder.close()
