"""A way through TCP that can be cut: bytes stop both ways, and every connection stays open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

_BASE_PATH = "/data/foundation/flowservice"
_CHUNK: Final = 65_536
#: Linger on, for zero seconds: closing then sends RST and discards what was not sent yet.
_ABORT: Final = struct.pack("ii", 1, 0)


class Wire:
    """Forwards TCP connections to `origin`, in a thread of its own.

    While it is cut, new connections are accepted and stay silent. What a client sent before it gave up is
    delivered all the same once the wire is mended: a network that holds packets back does that too.
    """

    def __init__(self, origin: str) -> None:
        address = urlsplit(origin)
        self._upstream = (address.hostname or "", address.port or 0)
        self._loop = asyncio.new_event_loop()
        self._is_whole = asyncio.Event()
        self._is_whole.set()
        self._writers: set[StreamWriter] = set()
        self._ways: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead a command here."""
        origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return {"BULKCONN_BASE_URL": f"{origin}{_BASE_PATH}", "BULKCONN_IMS_URL": origin}

    def cut(self) -> None:
        """Forward nothing more, either way."""
        self._loop.call_soon_threadsafe(self._is_whole.clear)

    def mend(self) -> None:
        """Forward again, first of all what was held back."""
        self._loop.call_soon_threadsafe(self._is_whole.set)

    def mend_with_resets(self) -> None:
        """Reset every connection, so that what was held back is lost, and forward new ones."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Reset what is open and stop."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._join, sock=self._listener)
        await self._ended.wait()
        server.close()
        self._reset_all()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _join(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Lead one client's connection through."""
        way = asyncio.current_task()
        if way is None:
            return
        self._ways.add(way)
        self._writers.add(writer)
        # Whoever is reset or stopped meanwhile has nothing to say about it.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._is_whole.wait()
            from_origin, to_origin = await asyncio.open_connection(*self._upstream)
            self._writers.add(to_origin)
            # The end of the client's bytes is not passed on: an answer on its way would be lost by it.
            sending = asyncio.ensure_future(self._pump(reader, to_origin))
            await self._pump(from_origin, writer)
            sending.cancel()
            to_origin.close()
            self._writers.discard(to_origin)
        writer.close()
        self._writers.discard(writer)
        self._ways.discard(way)

    async def _pump(self, reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._is_whole.wait()
                writer.write(chunk)
                await writer.drain()

    def _reset_all(self) -> None:
        for writer in self._writers:
            ending: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                ending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            writer.transport.abort()
        for way in self._ways:
            way.cancel()
        self._writers.clear()
        self._is_whole.set()
