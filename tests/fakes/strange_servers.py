"""Servers on a loopback port that are no databases, or say what one says: one answer to whoever comes."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator


@dataclass
class StrangeServer:
    """Where it listens, and what came: one item a connection, the first bytes of each."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)
    visits: int = 0


@asynccontextmanager
async def strange_server(
    *, greeting: bytes = b"", answer: bytes | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[StrangeServer]:
    """Listen: greet at once and close, or give the first bytes an answer and close.

    With neither greeting nor answer: be silent, for as long as the block lasts.
    """
    found = StrangeServer()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.visits += 1
        try:
            writer.write(greeting)
            if not greeting:
                found.heard.append(await reader.read(4096))
            if answer is not None:
                writer.write(answer)
            elif not greeting:
                await over.wait()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        over.set()
        server.close()
        await server.wait_closed()


@contextmanager
def silent_server() -> Iterator[int]:
    """Give a port that takes connections, as the operating system does for it, and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(200)
        yield listener.getsockname()[1]


@contextmanager
def black_hole() -> Iterator[int]:
    """Give a port whose queue of connections is full: whoever comes gets no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            yield port
        finally:
            for one in waiting:
                one.close()


def postgresql_error(**fields: str) -> bytes:
    """Give PostgreSQL's ErrorResponse with these fields, by their letters."""
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


def postgresql_auth_request(kind: int) -> bytes:
    """Give PostgreSQL's request for an authentication of this kind."""
    return b"R" + struct.pack("!ii", 8, kind)


def mysql_error(number: int, text: str) -> bytes:
    """Give a MySQL server's error instead of a greeting."""
    body = b"\xff" + struct.pack("<H", number) + text.encode()
    return struct.pack("<I", len(body))[:3] + b"\0" + body
