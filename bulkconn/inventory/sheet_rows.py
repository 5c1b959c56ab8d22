"""Rows of a worksheet: cells as Excel shows them, row numbers as it counts them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.findings import AGAIN
from bulkconn.core.text import shown
from bulkconn.inventory.csv_rows import check_headers
from bulkconn.inventory.faults import Unreadable, fault, missing_extra
from bulkconn.inventory.workbook import BrokenWorkbook, SheetFacts, Workbook, column_letters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.inventory.content import Content

#: Bytes of a workbook as it is stored; it is read whole, since its parts lie in any order.
_PACKED_LIMIT: Final = 256 * 1024 * 1024
#: How old `.xls` files begin, and workbooks that a password protects.
_OLE: Final = b"\xd0\xcf\x11\xe0"
#: Excel keeps fifteen digits of a number, and so does whole-number text below this.
_EXACT_BELOW: Final = 1e15
_FIX_FILE: Final = f"save it as an Excel workbook (.xlsx), {AGAIN}"

#: What the reader makes of a cell; an empty one is an empty text.
Value = str | float | bool | date | datetime | time | timedelta


class _Cells(Protocol):
    """A worksheet as python-calamine gives it; its places count from 0."""

    @property
    def start(self) -> tuple[int, int] | None:
        """The first row and column of the rectangle of used cells."""
        ...

    @property
    def merged_cell_ranges(self) -> Sequence[tuple[tuple[int, int], tuple[int, int]]] | None:
        """The first and last cell of each merged range."""
        ...

    def iter_rows(self) -> Iterable[Sequence[Value]]:
        """Give every row from the sheet's first, and of each the columns from the rectangle's first."""
        ...


def read_sheet(content: Content, file: str, sheet: str | None) -> Iterator[InventoryRow | Diagnostic]:
    """Give the rows of a sheet (None: the first that is visible) under its first row that is not empty.

    Raises:
        Unreadable: it is no workbook, it has no such sheet, or the sheet has no header row.
        UsageError: the extra that reads workbooks is not installed.
    """
    packed = _read_whole(content, file)
    try:
        book = Workbook(packed)
        name = _choose(book, sheet, file)
        facts = book.facts(name)
    except BrokenWorkbook as error:
        raise Unreadable(fault(file, f"the workbook cannot be read: {error}", fix=_FIX_FILE)) from error
    cells = _open_sheet(packed, name, file)
    rows = enumerate(([as_text(value) for value in row] for row in cells.iter_rows()), start=1)
    header_row, headers = next(((number, texts) for number, texts in rows if any(texts)), (0, []))
    if not headers:
        raise Unreadable(fault(file, "the sheet is empty", fix=f"add a header row and rows, {AGAIN}"))
    check_headers(tuple(headers), file, header_row)
    reader = _RowReader(file, headers, cells, facts)
    has_rows = False
    for number, texts in rows:
        if any(texts) or reader.has_fault(number):
            has_rows = True
            yield reader.read(number, texts)
    if not has_rows:
        raise Unreadable(fault(file, "there is no row under the header", fix=f"add rows, {AGAIN}"))


def as_text(value: Value) -> str:
    """Give a value as Excel shows it where no format is set; dates and times in the ISO form.

    A number keeps fifteen digits, as in Excel: 5432.0 is `5432`, and 0.1 + 0.2 is `0.3`.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < _EXACT_BELOW else f"{value:.15g}"
        case datetime():
            return value.isoformat(" ")
        case timedelta():
            minutes, seconds = divmod(int(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        case _:
            return value.isoformat()


class _RowReader:
    """Makes rows of texts. One diagnostic stands for a row that cannot be taken as it is shown."""

    def __init__(self, file: str, headers: Sequence[str], cells: _Cells, facts: SheetFacts) -> None:
        self._file = file
        self._left = cells.start[1] + 1 if cells.start else 1
        self._by_column = dict(enumerate(headers, start=self._left))
        # Columns to the right that nobody named and nobody uses are no part of the table.
        self._headers = tuple(headers[: max(i for i, header in enumerate(headers) if header) + 1])
        #: Of each row the first cell that is not as it seems, and what is wrong with it.
        self._faults: dict[int, tuple[int, str, str]] = {}
        for (row, column), message in sorted(facts.faults.items()):
            self._faults.setdefault(row, (column, message, "mend the formula or type its value, save"))
        for first, last in cells.merged_cell_ranges or ():
            self._note_merged(first, (min(last[0], facts.rows - 1), last[1]))

    def has_fault(self, row: int) -> bool:
        """Say whether something is wrong with a row that may look empty."""
        return row in self._faults

    def read(self, row: int, texts: Sequence[str]) -> InventoryRow | Diagnostic:
        """Give a row, or what is wrong with it."""
        if row in self._faults:
            return self._refused(row, *self._faults[row])
        cells = {}
        for column, text in enumerate(texts, start=self._left):
            if not text:
                continue
            header = self._by_column[column]
            if not header.strip():
                message = "a cell stands under an empty header"
                return self._refused(row, column, message, "name the column or empty the cell")
            cells[header] = text
        return InventoryRow(self._file, row, cells, self._headers)

    def _note_merged(self, first: tuple[int, int], last: tuple[int, int]) -> None:
        """Note the rows in which a merged range covers a named column: its value stands in one cell only."""
        place = f"{column_letters(first[1] + 1)}{first[0] + 1}"
        message = f"the cell is merged with {place}, which alone has the value"
        for row in range(first[0], last[0] + 1):
            for column in range(first[1], last[1] + 1):
                if (row, column) != first and self._by_column.get(column + 1, "").strip():
                    self._faults.setdefault(
                        row + 1, (column + 1, message, "unmerge the cells and fill in each of them")
                    )
                    break

    def _refused(self, row: int, column: int, message: str, remedy: str) -> Diagnostic:
        header = self._by_column.get(column, "").strip() or column_letters(column)
        return fault(self._file, message, row=row, column=header, fix=f"{remedy}, {AGAIN}")


def _read_whole(content: Content, file: str) -> bytes:
    chunks: list[bytes] = []
    while chunk := content.read1():
        chunks.append(chunk)
        if content.passed > _PACKED_LIMIT:
            raise Unreadable(
                fault(file, "the workbook is larger than 256 MiB", fix=f"save it as CSV, {AGAIN}")
            )
    packed = b"".join(chunks)
    if packed.startswith(_OLE):
        raise Unreadable(
            fault(
                file,
                "the workbook is protected by a password, or of the old .xls kind",
                fix=f"save it as an Excel workbook (.xlsx) without a password, {AGAIN}",
            )
        )
    return packed


def _choose(book: Workbook, wanted: str | None, file: str) -> str:
    """Give the sheet that is meant. Excel does not tell names apart by case, so neither does this."""
    names = list(book.sheets)
    if wanted is None and names:
        return names[0]
    for name in names:
        if wanted is not None and name.casefold() == wanted.casefold():
            return name
    there_are = ", ".join(shown(name) for name in names)
    raise Unreadable(
        fault(
            file,
            "the workbook has no worksheet that is visible" if wanted is None else "there is no such sheet",
            allowed=there_are or None,
            fix="name one of its visible sheets behind #, as in book.xlsx#Sheet1, then run the same command",
        )
    )


def _open_sheet(packed: bytes, name: str, file: str) -> _Cells:
    try:
        import python_calamine  # noqa: PLC0415 - an extra that may be missing
    except ImportError as error:
        raise missing_extra(f"{file} is an Excel workbook", "excel") from error
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(packed))
        return book.get_sheet_by_name(name)
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise Unreadable(
            fault(file, f"the workbook cannot be read ({type(error).__name__})", fix=_FIX_FILE)
        ) from error
