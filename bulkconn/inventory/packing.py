"""Compressed inventories: recognised by how they begin, and unpacked as they are read.

What comes out is bounded: a file of a few kilobytes that unpacks to terabytes costs time, not memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

from bulkconn.core.findings import AGAIN
from bulkconn.inventory.faults import Unreadable, fault, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.core.diagnostics import Diagnostic


class Decoder(Protocol):
    """Unpacks one member of a file; `eof` tells that it has ended, `unused_data` is what follows it."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the member's end."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """Unpack some more."""
        ...


_MakeDecoder = Callable[[], Decoder]

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
#: Bytes that are unpacked at a time. Zstandard makes at most 32,768 of one, so a piece stays within 16 MiB.
_SLICE_BYTES: Final = 512
#: Small pieces are handed on together: each costs the reader above a call.
_PIECE_BYTES: Final = 128 * 1024
#: zlib's code for "with a gzip header".
_GZIP_WINDOW: Final = 31


def is_packed(head: bytes) -> bool:
    """Tell whether a file that begins so is unpacked before it is read."""
    return head.startswith((_GZIP, _ZSTD))


def unpacked(chunks: Iterator[bytes], file: str) -> Iterator[bytes]:
    """Give the chunks as they are, or what is in them if the first begins like gzip or Zstandard.

    The name does not matter: it may be missing (standard input) or wrong (a server that packs as it
    sends). No chunk that comes out is empty.

    Raises:
        Unreadable: the packed file is damaged or cut short; raised where that shows.
        UsageError: it is packed with Zstandard, and the extra for that is not installed.
    """
    first = next(chunks, b"")
    whole = chain((first,), chunks) if first else iter(())
    if first.startswith(_GZIP):
        return _unpack(whole, _gzip_decoder, (file, "gzip"))
    if first.startswith(_ZSTD):
        return _unpack(whole, _zstd_decoders(file), (file, "Zstandard"))
    return whole


def _unpack(chunks: Iterator[bytes], make: _MakeDecoder, what: tuple[str, str]) -> Iterator[bytes]:
    """Unpack members that follow each other, as `cat` joins packed files."""
    decoder, is_within, passed = make(), False, 0
    pieces: list[bytes] = []
    size = 0
    for chunk in chunks:
        for start in range(0, len(chunk), _SLICE_BYTES):
            rest = chunk[start : start + _SLICE_BYTES]
            passed += len(rest)
            while rest := rest if is_within else rest.lstrip(b"\0"):
                piece = _decoded(decoder, rest, what, passed)
                is_within, rest = not decoder.eof, decoder.unused_data
                if not is_within:
                    decoder = make()
                pieces.append(piece)
                size += len(piece)
                if size >= _PIECE_BYTES:
                    yield b"".join(pieces)
                    pieces.clear()
                    size = 0
    if size:
        yield b"".join(pieces)
    if is_within:
        raise Unreadable(_damaged(what, f"is cut short after {passed:,} bytes"))


def _decoded(decoder: Decoder, data: bytes, what: tuple[str, str], passed: int) -> bytes:
    try:
        return decoder.decompress(data)
    # Zstandard's own error is a class of a library that may be missing.
    except Exception as error:
        raise Unreadable(_damaged(what, f"is damaged before byte {passed:,} ({error})")) from error


def _gzip_decoder() -> Decoder:
    return zlib.decompressobj(_GZIP_WINDOW)


def _zstd_decoders(file: str) -> _MakeDecoder:
    try:
        import zstandard  # noqa: PLC0415 - an extra that may be missing
    except ImportError as error:
        raise missing_extra(f"{file} is packed with Zstandard", "zstd") from error
    return zstandard.ZstdDecompressor().decompressobj


def _damaged(what: tuple[str, str], how: str) -> Diagnostic:
    file, kind = what
    return fault(file, f"the {kind} file {how}", fix=f"get a whole copy of it, {AGAIN}")
