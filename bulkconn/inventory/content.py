"""The content of an inventory as readers take it: unpacked, and with its beginning known."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Content(io.BufferedIOBase):
    """A binary stream over chunks. `head` is the first of them, which is still to come.

    Whatever the chunks raise while they are made comes out of every reader above this one.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        #: `TextIOWrapper` wants one.
        self.name = ""
        self._chunks = chunks
        #: How many bytes were handed out.
        self.passed = 0
        self.head = next(chunks, b"")
        self._pending = self.head

    def readable(self) -> bool:
        """Say yes: `TextIOWrapper` asks."""
        return True

    def read1(self, _size: int = -1, /) -> bytes:
        """Give the next chunk, empty at the end. It may be larger than asked for, which saves calls."""
        chunk = self._pending or next(self._chunks, b"")
        self._pending = b""
        self.passed += len(chunk)
        return chunk

    def close(self) -> None:
        """Leave what lies below open: its owner closes it."""
