"""A server that owes an answer for too long: its connection is broken off, so that nobody waits for ever.

TCP's own signs of life find a server that is gone, but not one behind a balancer or a pooler, which answers
them in its place.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def broken_off_after(connection: psycopg.Connection[Any], seconds: float | None) -> Iterator[None]:
    """Break a connection off if the block takes longer; None: never. Whoever waits gets psycopg's error."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, _break_off, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _break_off(connection: psycopg.Connection[Any]) -> None:
    # Not `close`: the connection is in use by the thread that waits. A shut socket wakes it.
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)
