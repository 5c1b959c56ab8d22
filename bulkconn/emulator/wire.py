"""What can be done to a connection below HTTP: reset it, cut an answer, write nonsense."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

__all__ = ["NoReply", "cut_reply", "reset", "reset_transport", "write_garbage"]

#: Linger on, for zero seconds: closing then sends RST and discards what was not sent yet.
_ABORT = struct.pack("ii", 1, 0)


class NoReply(web.Response):
    """Stands for an answer that no client will read; aiohttp drops it, as the connection is gone."""


def reset_transport(transport: asyncio.BaseTransport | None) -> None:
    """Close a TCP connection with RST instead of FIN; nothing happens if it is gone already."""
    if transport is None:
        return
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None:
        # The peer may have been quicker.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    # Only write transports can be aborted, and TCP connections have no others.
    transport.abort()  # type: ignore[attr-defined] # see above


def reset(request: web.Request) -> NoReply:
    """Reset the request's connection."""
    reset_transport(request.transport)
    return NoReply()


def write_garbage(request: web.Request) -> NoReply:
    """Answer with a line that is no HTTP, then close."""
    transport = request.transport
    if transport is not None:
        transport.write(b"ICY 2O1 perhaps\r\n\r\n")
        transport.close()
    return NoReply()


async def cut_reply(
    request: web.Request, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Send the headers for all of `body`, but only its first half, then close."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_type = "application/json"
    response.content_length = len(body)
    # A client that is gone has no use for a cut answer either.
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
