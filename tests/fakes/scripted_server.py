"""A server that misbehaves by script: every way in which an HTTP exchange can break, on real sockets.

A script is a list of steps, one a request; the last one repeats. A step is data: when it acts, which
bytes it sends, and how it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


class When(Enum):
    """The moment at which a step acts."""

    #: As soon as the connection is there, before any byte of a request is read.
    ACCEPTED = "accepted"
    #: When the request's headers are read, and nothing of its body.
    HEADERS = "headers"
    #: When the whole request is read.
    REQUEST = "request"


class Then(Enum):
    """What follows when a step's bytes are sent."""

    #: Wait for the next request on this connection.
    KEEP = "keep"
    #: Close it in an orderly way (FIN).
    CLOSE = "close"
    #: Break it (RST).
    RESET = "reset"
    #: Say nothing more, and keep it open.
    HANG = "hang"


@dataclass(frozen=True)
class Step:
    """One exchange of the script. `delay_s` passes before anything is sent."""

    send: bytes = b""
    then: Then = Then.CLOSE
    when: When = When.REQUEST
    delay_s: float = 0.0


@dataclass(frozen=True)
class Received:
    """A request as it came in; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


def answer(status: int, body: bytes = b"{}", *, then: Then = Then.KEEP, headers: str = "") -> Step:
    """Make a step that answers properly. `headers` are whole lines, each with its line end."""
    head = f"HTTP/1.1 {status} Scripted\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return Step(head.encode() + body, then)


_CREATED_HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
_CREATED_BODY = b'{"id": "c1", "etag": "\\"v1\\""}'

RESET_ON_ACCEPT = Step(when=When.ACCEPTED, then=Then.RESET)
CLOSE_ON_ACCEPT = Step(when=When.ACCEPTED)
HANG_ON_ACCEPT = Step(when=When.ACCEPTED, then=Then.HANG)
RESET_AFTER_REQUEST = Step(then=Then.RESET)
CLOSE_WITHOUT_REPLY = Step()
HANG_BEFORE_REPLY = Step(then=Then.HANG)
HALF_STATUS_LINE = Step(b"HTTP/1.1 20")
HALF_HEADERS = Step(_CREATED_HEAD + b"Content-Le")
GARBAGE = Step(b"\x00\x01nonsense\r\n\r\n")
HUGE_HEADER = Step(_CREATED_HEAD + b"X-Long: " + b"x" * 60_000 + b"\r\n\r\n")
HALF_BODY = Step(_CREATED_HEAD + b"Content-Length: 100\r\n\r\n" + _CREATED_BODY)
HALF_CHUNKED_BODY = Step(
    _CREATED_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + _CREATED_BODY[:5] + b"\r\n"
)
RESET_IN_BODY = replace(HALF_BODY, then=Then.RESET)
HANG_IN_BODY = replace(HALF_BODY, then=Then.HANG)
GARBAGE_IN_CHUNKED_BODY = Step(_CREATED_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
HALF_GZIP_BODY = Step(
    _CREATED_HEAD
    + b"Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n"
    + gzip.compress(_CREATED_BODY)[:20]
)
WRONG_GZIP_BODY = Step(_CREATED_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n0123456789")
INTERIM_THEN_CREATED = Step(b"HTTP/1.1 102 Processing\r\n\r\n" + answer(201, _CREATED_BODY).send, Then.KEEP)
CREATED = answer(201, _CREATED_BODY)


class ScriptedServer:
    """Serves a script on 127.0.0.1, as an async context manager; `requests` are those that came in."""

    def __init__(self, *script: Step, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        #: Set once a request came in.
        self.arrived = asyncio.Event()
        self._script = list(script)
        self._tls = tls
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Give the port, chosen by the system."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Give the base URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of all connections, those that hang too."""
        self._over.set()
        self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        # A client that goes away in the middle is what many of these scripts are about.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await self._exchange(reader, writer):
                pass
        writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play one step; say whether the connection goes on."""
        if self._script[0].when is not When.ACCEPTED:
            await self._receive(reader)
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        await asyncio.sleep(step.delay_s)
        writer.write(step.send)
        if step.send:
            await writer.drain()
        match step.then:
            case Then.HANG:
                await self._over.wait()
            case Then.RESET:
                raw: socket.socket = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case Then.CLOSE:
                writer.close()
                await writer.wait_closed()
            case Then.KEEP:
                pass
        return step.then is Then.KEEP

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        reading = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        over = asyncio.ensure_future(self._over.wait())
        await asyncio.wait({reading, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not reading.done():
            reading.cancel()
            raise ConnectionAbortedError
        first, *lines = reading.result().decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = b""
        if self._script[0].when is When.REQUEST:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(Received(method, target, headers, body))
        self.arrived.set()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Give the port of a listener that lets nobody in: its queue is full and nobody serves it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    """Give a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
