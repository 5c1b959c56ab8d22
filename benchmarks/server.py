"""`python -m benchmarks.server`: a Flow Service that is no bottleneck, and nothing else.

A raw protocol on uvloop, in a process of its own: it reads no more of a request than where it ends and what
it asks for, and answers with prepared bytes. It knows tokens, creates, listings and `/numbers`, which says
what it has counted so far and `/reset` starts again. It checks nothing; `bulkconn emulator` does that.
The port stands in the first line of its output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, cast

import uvloop

#: As long as the tokens of Adobe's identity service are.
_TOKEN: Final = "t" * 1200
_WINDOW_S: Final = 1.0
_LISTING: Final = b'{"items":[],"_links":{}}'
_COUNT: Final = b'{"count":0}'
_TOO_FAST: Final = b'{"error_code":"429050","message":"Too many requests"}'


@dataclass
class Numbers:
    """What was asked of the server since the last reset. Times are monotonic seconds."""

    posts: int = 0
    created: int = 0
    refused: int = 0
    first_s: float | None = None
    last_s: float | None = None


@dataclass
class Shop:
    """One server's settings and books. `limit` is requests in any second; 0 is none."""

    latency_s: float
    limit: int
    numbers: Numbers = field(default_factory=Numbers)
    taken: deque[float] = field(default_factory=deque)
    #: Ids go on through resets: no two are alike.
    last_id: int = 0

    def answer(self, head: bytes) -> bytes:
        """Give the whole reply to a request whose first bytes are these."""
        if head.startswith(b"POST /ims"):
            token = {"access_token": _TOKEN, "token_type": "bearer", "expires_in": 86_399}
            return _reply(b"200 OK", json.dumps(token).encode())
        if head.startswith(b"GET /numbers"):
            return _reply(b"200 OK", json.dumps(vars(self.numbers)).encode())
        if head.startswith(b"POST /reset"):
            self.numbers = Numbers()
            return _reply(b"200 OK", b"{}")
        now_s = time.monotonic()
        if self._is_over_limit(now_s):
            self.numbers.refused += 1
            return _reply(b"429 Too Many Requests", _TOO_FAST, b"Retry-After: 1\r\n")
        if head.startswith(b"GET "):
            is_count = b"count=true" in head.partition(b"\r\n")[0]
            return _reply(b"200 OK", _COUNT if is_count else _LISTING)
        return self._create(now_s)

    def _is_over_limit(self, now_s: float) -> bool:
        """Count a request; a refused one does not count."""
        if not self.limit:
            return False
        while self.taken and now_s - self.taken[0] >= _WINDOW_S:
            self.taken.popleft()
        if len(self.taken) >= self.limit:
            return True
        self.taken.append(now_s)
        return False

    def _create(self, now_s: float) -> bytes:
        numbers = self.numbers
        if numbers.first_s is None:
            numbers.first_s = now_s
        numbers.last_s = now_s
        numbers.posts += 1
        numbers.created += 1
        self.last_id += 1
        made = b"%08x-0000-4000-8000-000000000000" % self.last_id
        return _reply(b"201 Created", b'{"id":"%b","etag":"\\"%b\\""}' % (made, made))


class _Talk(asyncio.Protocol):
    """One connection: requests one after another."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep whom to answer."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        data = self._waiting + data if self._waiting else data
        while (end := _end_of_request(data)) is not None:
            self._answer(data)
            data = data[end:]
        self._waiting = data

    def _answer(self, request: bytes) -> None:
        reply = self._shop.answer(request)
        assert self._transport is not None
        if not self._shop.latency_s or not request.startswith(b"POST /connections"):
            self._transport.write(reply)
            return
        asyncio.get_running_loop().call_later(self._shop.latency_s, self._transport.write, reply)


def _end_of_request(data: bytes) -> int | None:
    """Say where the first request in some bytes ends; None while it has not arrived whole."""
    end_of_head = data.find(b"\r\n\r\n")
    if end_of_head < 0:
        return None
    head = data[:end_of_head].lower()
    length_at = head.find(b"\r\ncontent-length:")
    length = 0 if length_at < 0 else int(head[length_at + 17 :].split(b"\r\n", 1)[0])
    end = end_of_head + 4 + length
    return end if len(data) >= end else None


def _reply(status: bytes, body: bytes, more: bytes = b"") -> bytes:
    return (
        b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nDate: Sat, 21 Nov 2026 05:00:00 GMT\r\n"
        b"x-request-id: 0123456789abcdef0123456789abcdef\r\n%bContent-Length: %d\r\n\r\n%b"
        % (status, more, len(body), body)
    )


async def _serve(shop: Shop) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Talk(shop), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its starter reads it
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before a create is answered")
    parser.add_argument("--limit", type=int, default=0, help="requests in any second; 0: no limit")
    given = parser.parse_args()
    uvloop.run(_serve(Shop(given.latency, given.limit)))


if __name__ == "__main__":
    main()
