"""A way to a server that can be shut without anybody noticing: connections stay open, and nothing passes.

That is a failover, a pooler that waits, a partition behind a balancer: TCP's own signs of life are answered.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class TcpValve:
    """Use it as a context manager; it listens on `port` and passes all on to another port of this machine."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self._is_open = threading.Event()
        self._is_open.set()
        self._is_over = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def shut(self) -> None:
        """Let nothing pass any more."""
        self._is_open.clear()

    def reopen(self) -> None:
        """Let pass what came meanwhile, and all that follows."""
        self._is_open.set()

    def __enter__(self) -> Self:
        """Listen."""
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything, and wait for all threads."""
        self._is_over.set()
        self._is_open.set()
        while self._threads:
            for one in (self._listener, *self._sockets):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._threads.pop().join(10)
        self._listener.close()

    def _spawn(self, work: Callable[..., None], *values: socket.socket) -> None:
        thread = threading.Thread(target=work, args=values, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._is_over.is_set():
                near, _ = self._listener.accept()
                self._sockets.append(near)
                self._spawn(self._serve, near)

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            self._is_open.wait()
            if self._is_over.is_set():
                return
            with socket.create_connection(("127.0.0.1", self._target_port)) as far:
                self._sockets.append(far)
                back = threading.Thread(target=self._pass, args=(far, near), daemon=True)
                back.start()
                self._pass(near, far)
                back.join(10)

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                self._is_open.wait()
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
