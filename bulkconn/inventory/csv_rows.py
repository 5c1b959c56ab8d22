"""Rows of a CSV file: its dialect is read off the header line, its faults become diagnostics."""

from __future__ import annotations

import csv
import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from bulkconn.core.columns import identity, twice_given
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.findings import AGAIN
from bulkconn.core.text import shown
from bulkconn.inventory.faults import Unreadable, fault
from bulkconn.inventory.lines import CELL_LIMIT, NUL_FIX, NUL_MESSAGE, Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from bulkconn.core.diagnostics import Diagnostic

#: Delimiters that are recognised; the first wins where none is seen.
DELIMITERS: Final = ",;\t|"

#: A spreadsheet's way of naming the delimiter, before the header row.
_SEP_LINE: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_QUOTED: Final = re.compile(r'"[^"]*"')
_NEEDED: Final = ("name", "source")


def read_csv(text: TextIO, file: str) -> Iterator[InventoryRow | Diagnostic]:
    """Give the rows of a CSV file, numbered by the line on which they begin.

    Raises:
        Unreadable: nothing more can be made of the file.
    """
    # The limit belongs to the process; nothing else in it reads CSV with a larger one.
    csv.field_size_limit(CELL_LIMIT)
    lines = Lines(text, file)
    source = iter(lines)
    delimiter, header_line = _find_header(source, file)
    begins = lines.number
    skipped = begins - 1
    records = csv.reader(chain((header_line,), source), delimiter=delimiter, strict=True)
    try:
        headers = tuple(next(records))
        if lines.take_nul():
            raise Unreadable(fault(file, "the header row holds a NUL character", row=begins, fix=NUL_FIX))
        check_headers(headers, file, begins)
        begins = records.line_num + skipped + 1
        has_rows = False
        width = len(headers)
        for record in records:
            row, begins = begins, records.line_num + skipped + 1
            if not any(record):
                # A blank line, or the empty rows that spreadsheets leave at the end.
                continue
            has_rows = True
            if lines.has_nul and lines.take_nul():
                yield fault(file, NUL_MESSAGE, row=row, fix=NUL_FIX)
            elif len(record) != width:
                yield _ragged(file, row, len(record), width)
            elif all(record):
                yield InventoryRow(file, row, dict(zip(headers, record)), headers)  # noqa: B905 - see above
            else:
                cells = {header: cell for header, cell in zip(headers, record) if cell}  # noqa: B905 - likewise
                yield InventoryRow(file, row, cells, headers)
    except csv.Error as error:
        raise Unreadable(_csv_fault(file, begins, str(error))) from error
    if not has_rows:
        raise Unreadable(fault(file, "there is no row under the header", fix=f"add rows, {AGAIN}"))


def _find_header(source: Iterator[str], file: str) -> tuple[str, str]:
    delimiter = None
    for line in source:
        if not line.strip():
            continue
        said = None if delimiter else _SEP_LINE.fullmatch(line)
        if said is None:
            return delimiter or _detect_delimiter(line), line
        delimiter = said.group(1)
        if delimiter not in DELIMITERS:
            raise Unreadable(
                fault(file, "the line sep= names a delimiter that is not known", allowed=", ; | or tab")
            )
    raise Unreadable(fault(file, "the file is empty", fix=f"add a header row and rows, {AGAIN}"))


def _detect_delimiter(header_line: str) -> str:
    plain = _QUOTED.sub("", header_line)
    # Other columns may have any name, full of other delimiters too.
    return max(DELIMITERS, key=lambda mark: (_needed_named(header_line, mark), plain.count(mark)))


def _needed_named(header_line: str, delimiter: str) -> int:
    """Count the headers that no inventory can do without; 0 for a header row of several lines."""
    try:
        headers = next(csv.reader([header_line], delimiter=delimiter, strict=True))
    except csv.Error:
        return 0
    return sum(identity(header) in _NEEDED for header in headers)


def check_headers(headers: tuple[str, ...], file: str, row: int) -> None:
    """Do nothing if a header row names the columns that every row needs, and none twice.

    Raises:
        Unreadable: it does not.
    """
    # Asked first: without these it may be no header row at all but data, of which nothing may be shown.
    names = {identity(header) for header in headers}
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise Unreadable(
            fault(
                file,
                f"the header row has no column {' and no column '.join(missing)}",
                row=row,
                fix="begin the file with a row that names the columns (`bulkconn template` prints one), "
                "then run the same command",
            )
        )
    for earlier, later in twice_given(headers):
        raise Unreadable(
            fault(
                file,
                f"the headers {shown(earlier)} and {shown(later)} mean the same column",
                row=row,
                column=later,
                fix=f"keep one of the two, {AGAIN}",
            )
        )


def _ragged(file: str, row: int, cells: int, headers: int) -> Diagnostic:
    return fault(
        file,
        f"the row has {cells} cells under {headers} headers",
        row=row,
        allowed=f"{headers} cells",
        fix=f"quote a cell that holds the delimiter, or add what is missing, {AGAIN}",
    )


def _csv_fault(file: str, row: int, error: str) -> Diagnostic:
    if "field limit" in error:
        return fault(
            file,
            "a cell is longer than 1 MiB: perhaps a quote in this row is never closed",
            row=row,
            fix="close the quote or shorten the cell, then run the same command",
        )
    if "unexpected end" in error:
        return fault(
            file,
            "a quote that is opened in this row is never closed",
            row=row,
            fix=f"close the quote (a quote inside a quoted cell is written twice), {AGAIN}",
        )
    return fault(
        file,
        "text follows a closing quote",
        row=row,
        fix=f"quote the whole cell, and write a quote inside it twice, {AGAIN}",
    )
