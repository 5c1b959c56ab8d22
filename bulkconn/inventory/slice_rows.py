"""A slice as a worker reads it: its bytes from wherever they lie, held to their hash, as rows."""

from __future__ import annotations

import io
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import InventoryChanged, UsageError
from bulkconn.core.location import parse_location
from bulkconn.inventory.csv_rows import read_csv
from bulkconn.inventory.faults import Unreadable
from bulkconn.inventory.fetching import fetch_span
from bulkconn.inventory.formats import InventoryFormat
from bulkconn.inventory.jsonl_rows import read_jsonl
from bulkconn.inventory.network import NotFetched, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.inventory.network import Network
    from bulkconn.inventory.slices import Slice

_READERS: Final = {InventoryFormat.CSV: read_csv, InventoryFormat.JSONL: read_jsonl}


async def read_part(part: Slice, network: Network) -> bytes:
    """Give the bytes of a slice, from a disk or a URL.

    Repeat: safe. Cancel: a transfer is given up.

    Raises:
        InventoryChanged: they are not those that were submitted, or the file is gone.
        UsageError: they cannot be fetched.
    """
    location = parse_location(part.path)
    if not location.scheme:
        content = _on_disk(part)
    else:
        try:
            content = await fetch_span(location, network, Span(part.start, part.end))
        except NotFetched as error:
            if error.is_gone:
                raise _changed(part, f"cannot be read any more: {error}") from error
            raise UsageError(f"{_words(part)} cannot be read here: {error}", fix=error.fix) from error
    if sha256(content).hexdigest() != part.digest:
        raise _changed(part, "changed since it was submitted")
    return content


class InventorySlice:
    """A slice as an inventory of its own: rows bear the numbers that they have in the whole file."""

    def __init__(self, part: Slice, content: bytes) -> None:
        self._part = part
        self._content = content
        self.cut_short: list[Diagnostic] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The file, as diagnostics name it."""
        return (self._part.name,)

    def rows(self) -> Iterator[InventoryRow | Diagnostic]:
        """Give every row, or what is wrong with it."""
        self.cut_short.clear()
        part = self._part
        text = io.StringIO(part.head + self._content.decode(part.encoding), newline="")
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


def _on_disk(part: Slice) -> bytes:
    try:
        with Path(part.path).open("rb") as file:
            file.seek(part.start)
            return file.read(part.end - part.start)
    except OSError as error:
        raise _changed(part, f"cannot be read here: {error.strerror}") from error


def _numbered(item: InventoryRow | Diagnostic, shift: int) -> InventoryRow | Diagnostic:
    if isinstance(item, InventoryRow):
        return item._replace(row=item.row + shift)
    return item if item.row is None else replace(item, row=item.row + shift)


def _lines_of(head: str) -> int:
    return sum(1 for _ in io.StringIO(head, newline=""))


def _words(part: Slice) -> str:
    return f"inventory {part.name}, lines from {part.first_row},"


def _changed(part: Slice, what: str) -> InventoryChanged:
    return InventoryChanged(
        f"{_words(part)} {what}",
        fix="submit it again as it is now; rows already created are skipped",
    )
