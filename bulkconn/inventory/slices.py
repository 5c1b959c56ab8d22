"""Parts of an inventory that workers read each for themselves: byte ranges between records.

A slice begins and ends where the parser saw a record begin. It carries what the bytes alone do not say (the
header of a CSV, the line on which it begins) and their hash: bytes that changed are refused, not sent.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import InventoryChanged, UsageError
from bulkconn.core.location import parse_location
from bulkconn.inventory.csv_rows import read_csv
from bulkconn.inventory.faults import Unreadable
from bulkconn.inventory.formats import InventoryFormat, detect_encoding, detect_format
from bulkconn.inventory.jsonl_rows import read_jsonl
from bulkconn.inventory.packing import is_packed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, BinaryIO

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.endpoint import InventoryRow


_CHUNK_BYTES: Final = 256 * 1024
_HEAD_BYTES: Final = 4096
_READERS: Final = {InventoryFormat.CSV: read_csv, InventoryFormat.JSONL: read_jsonl}


@dataclass(frozen=True, slots=True)
class Slice:
    """A byte range of a file: `[start, end)`, `rows` records, the first on line `first_row`.

    `head` is what stands before the first record (a CSV's header row, decoded), `digest` the SHA-256 of the
    range in hex. Never a secret: `path` is a local path, `head` names columns.
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
    path: str, row_numbers: Iterable[int], *, rows_a_slice: int, encoding: str | None = None
) -> list[Slice]:
    """Cut a file into slices of so many records.

    `row_numbers` are the lines on which records begin, in their order, as the reader saw them.

    Raises:
        UsageError: the file is of a kind that cannot be read in parts.
    """
    location = parse_location(path)
    target = Path(location.target)
    if location.scheme or not target.is_file():
        raise _not_in_parts(location.shown, "it is no file on a local or shared disk")
    with target.open("rb") as file:
        head_bytes = file.read(_HEAD_BYTES)
        found = detect_encoding(head_bytes, encoding)
        format_ = detect_format(location.suffix, head_bytes, found)
        if format_ not in _READERS or is_packed(head_bytes):
            raise _not_in_parts(location.shown, "it is neither plain CSV nor JSONL")
        if "utf-8" not in found and found not in {"ascii", "cp1252", "latin-1", "iso-8859-1"}:
            raise _not_in_parts(location.shown, f"its encoding is {found}")
        file.seek(0)
        return list(
            _cut(file, row_numbers, rows_a_slice, (str(target.resolve()), location.shown, format_, found))
        )


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


def _not_in_parts(shown: str, why: str) -> UsageError:
    return UsageError(
        f"inventory {shown} cannot be shared out to workers: {why}",
        fix="save it as UTF-8 CSV or JSONL on a disk that every worker sees under the same path",
    )


class InventorySlice:
    """A slice as an inventory of its own: rows bear the numbers that they have in the whole file."""

    def __init__(self, part: Slice) -> None:
        self._part = part
        self.cut_short: list[Diagnostic] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The file, as diagnostics name it."""
        return (self._part.name,)

    def rows(self) -> Iterator[InventoryRow | Diagnostic]:
        """Give every row, or what is wrong with it.

        Raises:
            InventoryChanged: the bytes are not those that were submitted, or the file is gone.
        """
        self.cut_short.clear()
        part = self._part
        text = io.StringIO(part.head + self._content().decode(part.encoding), newline="")
        shift = part.first_row - 1 - _lines_of(part.head)
        try:
            for item in _READERS[InventoryFormat(part.format)](text, part.name):
                yield _numbered(item, shift)
        except Unreadable as fault_of_file:
            diagnostic = fault_of_file.diagnostic
            if diagnostic.row is not None:
                diagnostic = replace(diagnostic, row=diagnostic.row + shift)
            self.cut_short.append(diagnostic)
            yield diagnostic

    def _content(self) -> bytes:
        part = self._part
        try:
            with Path(part.path).open("rb") as file:
                content = _read(file, part.start, part.end)
        except OSError as error:
            raise _changed(part, f"cannot be read here: {error.strerror}") from error
        if sha256(content).hexdigest() != part.digest:
            raise _changed(part, "changed since it was submitted")
        return content


def _numbered(item: InventoryRow | Diagnostic, shift: int) -> InventoryRow | Diagnostic:
    return item if item.row is None else replace(item, row=item.row + shift)


def _lines_of(head: str) -> int:
    return sum(1 for _ in io.StringIO(head, newline=""))


def _changed(part: Slice, what: str) -> InventoryChanged:
    return InventoryChanged(
        f"inventory {part.name}, lines from {part.first_row}, {what}",
        fix="submit it again as it is now; rows already created are skipped",
    )
