"""Parts of an inventory that workers read each for themselves: byte ranges between records.

A slice begins and ends where the parser saw a record begin. It carries what the bytes alone do not say (the
header of a CSV, the line on which it begins) and their hash: bytes that changed are refused, not sent.
"""

from __future__ import annotations

import io
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import UsageError
from bulkconn.inventory.fetching import apart, fetch_span
from bulkconn.inventory.files import STDIN
from bulkconn.inventory.formats import InventoryFormat, detect_encoding, detect_format
from bulkconn.inventory.network import NotFetched, Span
from bulkconn.inventory.packing import is_packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, BinaryIO

    from bulkconn.inventory.files import InventoryFile
    from bulkconn.inventory.network import Network

_HEAD_BYTES: Final = 4096
_IN_PARTS: Final = (InventoryFormat.CSV, InventoryFormat.JSONL)


class NotInParts(UsageError):
    """An inventory whose parts cannot be read each for itself; `why` says what stands against it."""

    def __init__(self, shown: str, why: str) -> None:
        super().__init__(
            f"inventory {shown} cannot be shared out to workers: {why}",
            fix="save it as UTF-8 CSV or JSONL on a disk that every worker sees under the same path, or in "
            "an object store; or let a copy of it be made there: submit --stage-to FOLDER",
        )
        self.shown = shown
        self.why = why


@dataclass(frozen=True, slots=True)
class Slice:
    """A byte range of a file: `[start, end)`, `rows` records, the first on line `first_row`.

    `head` is what stands before the first record (a CSV's header row, decoded), `digest` the SHA-256 of the
    range in hex. Never a secret: `path` is a local path or an address without a signature, `head` names
    columns.
    """

    path: str
    name: str
    format: str
    encoding: str
    head: str
    start: int
    end: int
    first_row: int
    rows: int
    digest: str

    def as_json(self) -> dict[str, Any]:
        """Give it as it travels."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Slice:
        """Take it back. Raises `TypeError` where something is missing or too much."""
        return cls(**value)


def cut(
    file: InventoryFile,
    row_numbers: Iterable[int],
    *,
    rows_a_slice: int,
    encoding: str | None = None,
    network: Network | None = None,
    name: str | None = None,
) -> list[Slice]:
    """Cut a file into slices of so many records.

    `row_numbers` are the lines on which records begin, in their order, as the reader saw them; they are not
    looked at where the file is refused. `name` is how diagnostics name it, where that is not the file's own.

    Raises:
        NotInParts: the file is of a kind, or in a place, that cannot be read in parts.
        UsageError: its place cannot be reached any more.
    """
    _check_place(file, network)
    if file.copy is not None:
        format_, found = _kind(file, os.pread(file.copy.fileno(), _HEAD_BYTES, 0), encoding)
        # Whoever gives the numbers reads the same copy: two cannot seek in it by turns.
        numbers = list(row_numbers)
        kind = (file.location.target, name or file.name, format_, found)
        return list(_cut(file.copy, numbers, rows_a_slice, kind))
    path = Path(file.location.target)
    with path.open("rb") as content:
        format_, found = _kind(file, content.read(_HEAD_BYTES), encoding)
        kind = (str(path.resolve()), name or file.name, format_, found)
        return list(_cut(content, row_numbers, rows_a_slice, kind))


def _check_place(file: InventoryFile, network: Network | None) -> None:
    """Do nothing if workers can read parts of what lies there."""
    location = file.location
    if file.copy is None:
        return
    if not location.scheme or network is None:
        what = "standard input" if location.target == STDIN else "a pipe"
        raise NotInParts(file.name, f"{what} can be read only once")
    if location.shown != location.target:
        raise NotInParts(file.name, "what its address holds may be secret, and jobs never carry secrets")
    try:
        apart(fetch_span(location, network, Span(0, 1)))
    except NotFetched as error:
        raise NotInParts(file.name, str(error)) from error


def _kind(file: InventoryFile, head_bytes: bytes, said: str | None) -> tuple[InventoryFormat, str]:
    """Give format and encoding of a file that can be read in parts.

    Raises:
        NotInParts: it cannot.
    """
    found = detect_encoding(head_bytes, said)
    format_ = detect_format(file.location.suffix, head_bytes, found)
    if format_ not in _IN_PARTS or is_packed(head_bytes):
        raise NotInParts(file.name, "it is neither plain CSV nor JSONL")
    if "utf-8" not in found and found not in {"ascii", "cp1252", "latin-1", "iso-8859-1"}:
        raise NotInParts(file.name, f"its encoding is {found}")
    return format_, found


def _cut(
    file: BinaryIO,
    row_numbers: Iterable[int],
    rows_a_slice: int,
    kind: tuple[str, str, InventoryFormat, str],
) -> Iterator[Slice]:
    path, name, format_, encoding = kind
    borders: list[tuple[int, int]] = []
    count = 0
    for number in row_numbers:
        if count % rows_a_slice == 0:
            borders.append((number, count))
        count += 1
    offsets = _offsets(file, [number for number, _ in borders])
    end_of_file = file.seek(0, io.SEEK_END)
    head = _read(file, 0, offsets[0]).decode(encoding) if offsets and format_ is InventoryFormat.CSV else ""
    for index, (number, before) in enumerate(borders):
        is_last = index + 1 == len(borders)
        start, end = offsets[index], end_of_file if is_last else offsets[index + 1]
        rows = (count if is_last else borders[index + 1][1]) - before
        digest = sha256(_read(file, start, end)).hexdigest()
        yield Slice(path, name, format_.value, encoding, head, start, end, number, rows, digest)


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _offsets(file: BinaryIO, lines: list[int]) -> list[int]:
    """Give the byte offsets at which these lines begin (ascending, counted from 1).

    Read as Latin-1 a character is a byte, and lines end where they end for the parser: the bytes of LF and
    CR are part of no other character in the encodings that are taken.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="latin-1", newline="")
    wanted = iter(lines)
    target, offset, found = next(wanted, None), 0, []
    for number, line in enumerate(text, 1):
        if number == target:
            found.append(offset)
            target = next(wanted, None)
            if target is None:
                break
        offset += len(line)
    text.detach()
    return found
