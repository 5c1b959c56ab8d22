"""Events to a file or a pipe. A reader that is slow, or a disk that is full, never stops a run.

A thread of its own writes, each line by appending it whole. What a killed run left half written gets its
line break from the next one, so that every other line stands by itself.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import UsageError
from bulkconn.events.lines import VERSION, as_event, as_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import RunId

#: Lines that may wait for a slow reader; more are left out, and counted.
_WAITING_MAX: Final = 20_000
#: Seconds that a slow reader gets at the end.
_LAST_S: Final = 5.0
_FIX: Final = "give --events a file that can be written, or - for standard output"


def open_events(place: str) -> int:
    """Open a file to append events to, made with mode 0600; give its descriptor.

    Raises:
        UsageError: it cannot be written, or is a pipe that nobody reads.
    """
    flags = os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        # Readable too, to see how a file ends. A pipe must not be: it would be its own reader.
        access = os.O_WRONLY if Path(place).is_fifo() else os.O_RDWR
        descriptor = os.open(place, flags | access, 0o600)
    except (OSError, ValueError) as error:
        why = "nobody reads it yet" if getattr(error, "errno", 0) == errno.ENXIO else _why(error)
        raise UsageError(f"--events {place} cannot be written: {why}", fix=_FIX) from error
    os.set_blocking(descriptor, True)
    return descriptor


class EventWriter:
    """A `Listener` that appends events to a descriptor, which it closes unless told otherwise.

    `on_trouble` is called, on its thread, once when a line could not be written, with why.
    """

    hears_rows = True

    def __init__(self, descriptor: int, on_trouble: Callable[[str], None], *, closes: bool = True) -> None:
        self._descriptor = descriptor
        self._on_trouble = on_trouble
        self._closes = closes
        self._lines: queue.Queue[bytes | None] = queue.Queue(_WAITING_MAX)
        self._told_rate: float | None = None
        self._has_warned = False
        #: Lines without a place in the queue, and lines that could not be written, since the last that could.
        self._left_out = 0
        self._unwritten = 0
        self._thread = threading.Thread(target=self._write_all, name="events", daemon=True)
        self._thread.start()

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:
        """Queue the line of a fact."""
        event = as_event(fact, at, run_id)
        if event is None or self._is_stale_pace(event):
            return
        try:
            self._lines.put_nowait(_lost(self._left_out) + as_line(event))
            self._left_out = 0
        except queue.Full:
            self._left_out += 1
            self._warn("its reader is too slow")

    def close(self) -> None:
        """Write what waits; give up on a reader that takes too long."""
        try:
            if self._left_out:
                self._lines.put(_lost(self._left_out), timeout=_LAST_S)
            self._lines.put(None, timeout=_LAST_S)
        except queue.Full:
            return
        self._thread.join(_LAST_S)

    def _is_stale_pace(self, event: dict[str, object]) -> bool:
        """Tell whether an event says a pace that was said already: the gate alone has changed."""
        if event["event"] != "pace.changed":
            return False
        before, self._told_rate = self._told_rate, float(str(event["rate_per_s"]))
        return before == self._told_rate

    def _write_all(self) -> None:
        with suppress(OSError):
            self._end_torn_line()
        while (line := self._lines.get()) is not None:
            try:
                self._append(_lost(self._unwritten) + line)
                self._unwritten = 0
            except OSError as error:
                self._unwritten += 1
                self._warn(_why(error))
        if self._closes:
            os.close(self._descriptor)

    def _append(self, line: bytes) -> None:
        """Write a line, or nothing of it.

        Raises:
            OSError: it could not be written.
        """
        done = 0
        try:
            while done < len(line):
                done += os.write(self._descriptor, line[done:])
        except OSError:
            with suppress(OSError):
                # Half a line would spoil the next one. Only a file can be cut, and only one that is ours.
                if done and self._closes:
                    os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - done)
            raise

    def _end_torn_line(self) -> None:
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")

    def _warn(self, why: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._on_trouble(why)


def _lost(count: int) -> bytes:
    return as_line({"v": VERSION, "event": "events.lost", "count": count}) if count else b""


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
