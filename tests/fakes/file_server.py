"""A server of files on a loopback port, in a thread: S3, Google Cloud Storage, Azure and plain web at once.

All four ask for an object by a path, so one table of paths serves them. Faults are a list; each request
takes the next one, and when none is left all goes well.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class Status:
    """An answer that is no file."""

    status: int
    body: bytes = b""
    location: str | None = None

    @classmethod
    def s3_error(cls, status: int, code: str) -> Status:
        """Make an error as S3 writes them."""
        return cls(status, f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode())


@dataclass(frozen=True)
class Cut:
    """The file's first bytes, then the end of the connection, orderly or by a reset."""

    after: int
    is_reset: bool = False


@dataclass(frozen=True)
class Hang:
    """The file's first bytes, then silence; None is silence from the start."""

    after: int | None = None


Fault = Status | Cut | Hang


@dataclass(frozen=True)
class Asked:
    """A request as it came in; header names in lower case."""

    target: str
    headers: dict[str, str]


@dataclass
class FileServer:
    """Use it as a context manager. `files` are contents by path, as `/bucket/in/eu.csv`."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    #: Whether it gives parts of files to those who ask for them.
    has_ranges: bool = True
    asked: list[Asked] = field(default_factory=list)
    #: Set when a request came in.
    arrived: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Begin to serve."""
        handler = type("Handler", (_Handler,), {"files": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of all who wait, and stop."""
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port, chosen by the system."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def wait_until_over(self) -> None:
        """Wait for the end of the test."""
        self._over.wait(60)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: FileServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def handle(self) -> None:
        """Serve a connection; a client that goes away is what some tests are about."""
        with contextlib.suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        """Answer with a file, or with the next fault."""
        server = self.files
        server.asked.append(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}))
        fault = server.faults.pop(0) if server.faults else None
        server.arrived.set()
        content = server.files.get(unquote(urlsplit(self.path).path))
        if isinstance(fault, Status):
            self._send_status(fault)
        elif content is None:
            self._send_status(Status.s3_error(404, "NoSuchKey"))
        else:
            self._send_file(content, fault)

    def _send_status(self, answer: Status) -> None:
        self.send_response(answer.status)
        if answer.location is not None:
            self.send_header("Location", answer.location)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _send_file(self, content: bytes, fault: Fault | None) -> None:
        if isinstance(fault, Hang) and fault.after is None:
            self.files.wait_until_over()
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is not None and self.files.has_ranges:
            size, start = len(content), int(asked[1])
            if start >= size:
                self._send_status(Status.s3_error(416, "InvalidRange"))
                return
            content = content[start : int(asked[2]) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{start + len(content) - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{md5(content, usedforsecurity=False).hexdigest()}"')
        self.send_header("Last-Modified", formatdate(0, usegmt=True))
        for name, value in self.files.headers.items():
            self.send_header(name, value)
        self.end_headers()
        match fault:
            case Cut():
                self.wfile.write(content[: fault.after])
                self.wfile.flush()
                self.close_connection = True
                if fault.is_reset:
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            case Hang():
                self.wfile.write(content[: fault.after])
                self.wfile.flush()
                self.files.wait_until_over()
                self.close_connection = True
            case _:
                self.wfile.write(content)
