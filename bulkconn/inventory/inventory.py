"""An inventory of one or more files, read as one stream of rows, as often as needed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, Self

from bulkconn.core.errors import UsageError
from bulkconn.inventory.content import Content
from bulkconn.inventory.csv_rows import read_csv
from bulkconn.inventory.faults import Unreadable, fault
from bulkconn.inventory.files import STDIN, InventoryFile
from bulkconn.inventory.formats import InventoryFormat, check_encoding, detect_encoding, detect_format
from bulkconn.inventory.json_rows import read_json
from bulkconn.inventory.jsonl_rows import read_jsonl
from bulkconn.inventory.packing import unpacked
from bulkconn.inventory.sheet_rows import read_sheet

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO, TextIO

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.endpoint import InventoryRow
    from bulkconn.inventory.network import Network

    _Reader = Callable[[TextIO, str], Iterator[InventoryRow | Diagnostic]]

#: Readers of text.
_READERS: Final[dict[InventoryFormat, _Reader]] = {
    InventoryFormat.CSV: read_csv,
    InventoryFormat.JSON: read_json,
    InventoryFormat.JSONL: read_jsonl,
}


class Inventory:
    """Files of rows. Use it as a context manager; one pass over `rows()` at a time.

    `cut_short` holds the faults at which the last pass gave a file up: what stands behind such a fault
    is not known, so it is more than an invalid row.
    """

    def __init__(
        self,
        files: Sequence[InventoryFile],
        *,
        encoding: str | None = None,
        format: InventoryFormat | None = None,  # noqa: A002 - named as the flag is
    ) -> None:
        self._files = tuple(files)
        self._encoding = encoding
        self._format = format
        self.cut_short: list[Diagnostic] = []

    @classmethod
    def open(
        cls,
        paths: Sequence[str | os.PathLike[str]],
        *,
        stdin: BinaryIO | None = None,
        network: Network | None = None,
        encoding: str | None = None,
        format: InventoryFormat | None = None,  # noqa: A002 - named as the flag is
    ) -> Self:
        """Open files by path or URL; `-` is `stdin`. What can be read only once is copied now.

        Without a `network` there are no URLs, only paths. `encoding` is None for UTF-8, or what a byte
        order mark says; `format` None for what the suffix says, or the first line.

        Raises:
            UsageError: a file cannot be opened, `-` is given twice, or the encoding is not known.
        """
        if encoding is not None:
            check_encoding(encoding)
        if not paths:
            raise UsageError("no inventory is named", fix="name a file, or - for standard input")
        if sum(path == STDIN for path in paths) > 1:
            raise UsageError("standard input can be read only once", fix="give - once")
        files: list[InventoryFile] = []
        try:
            # One by one, so that those before one that cannot be opened are closed.
            files.extend(InventoryFile.open(path, stdin=stdin, network=network) for path in paths)
        except BaseException:
            for file in files:
                file.close()
            raise
        return cls(files, encoding=encoding, format=format)

    @property
    def files(self) -> tuple[InventoryFile, ...]:
        """The files, in their order."""
        return self._files

    @property
    def names(self) -> tuple[str, ...]:
        """The files, as diagnostics name them."""
        return tuple(file.name for file in self._files)

    def rows(self) -> Iterator[InventoryRow | Diagnostic]:
        """Give every row, or what is wrong with it, file after file.

        Raises:
            InventoryChanged: a file is not what it was at the first pass; raised before its first row
                where its size or times show it, else behind its last.
        """
        self.cut_short.clear()
        for file in self._files:
            with file.reading() as stream:
                try:
                    yield from self._rows_of(file, stream)
                except Unreadable as fault_of_file:
                    self.cut_short.append(fault_of_file.diagnostic)
                    yield fault_of_file.diagnostic

    def verify_unchanged(self) -> None:
        """Do nothing if every file is what it was at the first pass.

        Raises:
            InventoryChanged: one is not.
        """
        for file in self._files:
            file.verify_unchanged()

    def close(self) -> None:
        """Let go of temporary files."""
        for file in self._files:
            file.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close."""
        self.close()

    def _rows_of(self, file: InventoryFile, stored: Iterator[bytes]) -> Iterator[InventoryRow | Diagnostic]:
        try:
            content = Content(unpacked(stored, file.name))
            encoding = detect_encoding(content.head, self._encoding)
            form = self._format or detect_format(file.location.suffix, content.head, encoding)
            if form is InventoryFormat.XLSX:
                yield from read_sheet(content, file.name, file.location.sheet)
            else:
                yield from _decoded(content, _READERS[form], file.name, encoding)
        except OSError as error:
            raise Unreadable(
                fault(
                    file.name, f"the file cannot be read: {error.strerror}", fix="mend the disk or its mount"
                )
            ) from error


def _decoded(
    content: Content, read: _Reader, file: str, encoding: str
) -> Iterator[InventoryRow | Diagnostic]:
    """Give the rows of a text.

    Raises:
        Unreadable: nothing more can be made of it.
    """
    # Line ends are left as they are: inside quotes they belong to the cell.
    text = io.TextIOWrapper(content, encoding=encoding, errors="strict", newline="")
    try:
        yield from read(text, file)
    except UnicodeDecodeError as error:
        # The decoder was given all that has passed; `object` is the end of it.
        offset = content.passed - len(error.object) + error.start
        raise Unreadable(_encoding_fault(file, encoding, f" at byte {offset}")) from error
    except UnicodeError as error:
        raise Unreadable(_encoding_fault(file, encoding, "")) from error


def _encoding_fault(file: str, encoding: str, where: str) -> Diagnostic:
    name = "UTF-8" if encoding == "utf-8-sig" else encoding
    return fault(
        file,
        f"the file is not {name}{where}",
        allowed=name,
        fix="save it as UTF-8, or name its encoding (--encoding cp1252, say), then run the same command",
    )
