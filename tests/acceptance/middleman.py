"""A server between the command and the emulator: it writes down what goes through, or answers itself."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_BASE_PATH = "/data/foundation/flowservice"
_NOT_PASSED_ON = frozenset({"connection", "content-length", "transfer-encoding", "date", "server"})


@dataclass
class Exchange:
    """A request and its answer; header names of the request in lower case."""

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""

    @property
    def is_api(self) -> bool:
        """Whether it was meant for Flow Service, and not for the token endpoint."""
        return self.target.startswith(f"{_BASE_PATH}/")


class Middleman:
    """Passes requests on to `origin`, or to `answer` where there is none; `after` sees each exchange.

    `after` is called once the answer is on the wire.
    """

    def __init__(
        self,
        origin: str | None = None,
        *,
        answer: Callable[[Exchange], None] | None = None,
        after: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._answer = answer or _passing_on(origin or "")
        self._after = after
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead a command here."""
        return {"BULKCONN_BASE_URL": f"{self.origin}{_BASE_PATH}", "BULKCONN_IMS_URL": self.origin}

    @property
    def api(self) -> list[Exchange]:
        """The exchanges with Flow Service so far."""
        return [one for one in self.exchanges if one.is_api]

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def exchange(self, exchange: Exchange, write: Callable[[Exchange], None]) -> None:
        """Get the answer, write it, and tell."""
        # Before there is an answer: a request whose answer is lost was made all the same.
        self.exchanges.append(exchange)
        self._answer(exchange)
        write(exchange)
        if self._after is not None:
            self._after(exchange)


class _Server(ThreadingHTTPServer):
    """Says nothing when a client is gone: that is what some tests are about."""

    request_queue_size = 100

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing."""


def _passing_on(origin: str) -> Callable[[Exchange], None]:
    address = urlsplit(origin)

    def pass_on(exchange: Exchange) -> None:
        headers = {name: value for name, value in exchange.headers.items() if name != "connection"}
        with contextlib.closing(HTTPConnection(address.hostname or "", address.port, timeout=30)) as http:
            http.request(exchange.method, exchange.target, body=exchange.body or None, headers=headers)
            reply = http.getresponse()
            exchange.status, exchange.answer = reply.status, reply.read()
            exchange.answer_headers = {
                name: value for name, value in reply.getheaders() if name.lower() not in _NOT_PASSED_ON
            }

    return pass_on


def _handler(middleman: Middleman) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of a client."""

        protocol_version = "HTTP/1.1"
        # An idle connection must not keep its thread beyond the test.
        timeout = 5
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has
            """Say nothing."""

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            exchange = Exchange(self.command, self.path, headers, self.rfile.read(length))
            try:
                middleman.exchange(exchange, self._write)
            except OSError:
                # The client or the emulator is gone; that is what some tests are about.
                self.close_connection = True

        def _write(self, exchange: Exchange) -> None:
            self.send_response(exchange.status)
            for name, value in exchange.answer_headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(exchange.answer)))
            self.end_headers()
            self.wfile.write(exchange.answer)
            self.wfile.flush()

        do_GET = do_POST = _serve  # noqa: N815 - the names that the library calls

    return Handler
