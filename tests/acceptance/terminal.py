"""A real terminal of a given width: a command on a pseudo terminal, its screen kept by pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from typing import TYPE_CHECKING

import pyte

from tests.acceptance.process import COMMAND, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: Higher than any view, so that nothing scrolls away unseen.
_LINES = 60


class Terminal:
    """A command on a terminal; `screen` is what a person would see."""

    def __init__(self, columns: int, *words: str, cwd: Path, env: Mapping[str, str]) -> None:
        self.screen = pyte.Screen(columns, _LINES)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, columns, 0, 0))
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=cwd,
            env={"TERM": "xterm-256color", **env},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 65536)
            except OSError:
                return
            if not chunk:
                return
            with self._lock:
                self.raw += chunk
                self._stream.feed(chunk)

    def shown(self) -> list[str]:
        """Give the lines of the screen that are not empty."""
        with self._lock:
            return [line.rstrip() for line in self.screen.display if line.strip()]

    def wait_for(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the screen is so, and give it."""
        until = time.monotonic() + PATIENCE_S
        while not is_so(lines := self.shown()):
            assert self.process.poll() is None or is_so(self.shown()), lines
            assert time.monotonic() < until, lines
            time.sleep(0.02)
        return lines

    def end(self) -> int:
        """Wait for the end; give the exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def close(self) -> None:
        """Kill what still runs, and hang up."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(PATIENCE_S)
        os.close(self._master)
