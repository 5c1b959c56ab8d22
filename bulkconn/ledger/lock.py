"""One process holds a ledger: an operating-system lock on a file beside it.

The kernel drops the lock with the process, however it ends. The text inside (host, process, time) is
for the message to whoever comes second; nothing is decided by it, so a stale one does no harm.
"""

from __future__ import annotations

import fcntl
import os
import socket
from typing import TYPE_CHECKING

from bulkconn.core.errors import LedgerError, LedgerLocked

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_MAX_TEXT_BYTES = 500


class LedgerLock:
    """The lock of one ledger, held from construction until `release`.

    Raises:
        LedgerLocked: another process (or another part of this one) holds it; the message says who.
        LedgerError: the file beside the ledger cannot be made.
    """

    def __init__(self, ledger: Path, *, now: datetime) -> None:
        path = ledger.with_name(f"{ledger.name}.lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            # The file stays when the lock is released: removing it would let two processes hold "it".
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise LedgerError(
                f"cannot make the lock file {path}: {error.strerror}",
                fix="give this user write access to the ledger's folder, or give --ledger another path",
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _read_text(self._file)
            os.close(self._file)
            raise LedgerLocked(
                f"ledger {ledger} is in use by {holder or 'another process'}",
                fix="wait until that run has ended or stop it (it can be resumed), then run again",
            ) from error
        self._write_text(f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M:%S} UTC")

    def _write_text(self, text: str) -> None:
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{text}\n".encode(), 0)
        except OSError:
            # A full disk. The lock is held all the same; only the message to others is poorer.
            return

    def release(self) -> None:
        """Let others have the ledger. Repeat: safe."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _read_text(file: int) -> str:
    text = os.pread(file, _MAX_TEXT_BYTES, 0).decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()
