"""Excel workbooks: sheets, cells as Excel shows them, and everything that is not as it seems."""

from __future__ import annotations

import gzip
import io
import sys
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkconn.core.diagnostics import Diagnostic
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import UsageError
from bulkconn.inventory import sheet_rows
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.sheet_rows import as_text
from bulkconn.inventory.workbook import column_letters
from tests.fakes.workbook import (
    DATE,
    FAILED,
    HOURS,
    MOMENT,
    NEVER_CALCULATED,
    TIME,
    Cell,
    Raw,
    Sheet,
    Styled,
    workbook,
)
from tests.unit.inventory.reading import fault_of, items_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bulkconn.inventory.sheet_rows import Value

_HEADERS = ("name", "source", "port")


def _book(*rows: Sequence[Cell], **sheet: Sequence[str]) -> bytes:
    """Give a workbook of one sheet whose first row names three columns."""
    numbered = dict(enumerate((_HEADERS, *rows), start=1))
    return workbook({"Sheet1": Sheet(numbered, **sheet)})  # type: ignore[arg-type]  # only `merged` is given


def test_rows_of_a_workbook_are_its_first_visible_sheet() -> None:
    """Rows count as in Excel; what is empty is absent."""
    content = workbook(
        {
            "Old": Sheet({1: ("nothing",)}, is_hidden=True),
            "EU": Sheet({3: _HEADERS, 4: ("one", "mysql", 3306), 6: ("two", "mysql", None)}),
            "US": Sheet({1: _HEADERS, 2: ("three", "mysql", 3306)}),
        }
    )
    first, second = rows_of(content, ".xlsx")
    assert (first.row, dict(first.cells)) == (4, {"name": "one", "source": "mysql", "port": "3306"})
    assert (second.row, dict(second.cells)) == (6, {"name": "two", "source": "mysql"})
    assert first.headers == _HEADERS


@pytest.mark.parametrize(
    ("sheet", "name"), [("#EU", "one"), ("#us", "two"), ("", "one")], ids=["named", "other case", "none"]
)
def test_rows_of_a_sheet_that_is_named_are_read(tmp_path: Path, sheet: str, name: str) -> None:
    """A sheet is named behind `#`, and the diagnostics name it too."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(
        workbook(
            {
                "EU": Sheet({1: _HEADERS, 2: ("one", "mysql", None)}),
                "US": Sheet({1: _HEADERS, 2: ("two", "mysql", None)}),
            }
        )
    )
    with Inventory.open([f"{path}{sheet}"]) as inventory:
        for _ in range(2):
            (row,) = inventory.rows()
            assert isinstance(row, InventoryRow)
            assert (row.cells["name"], row.file) == (name, f"{path}{sheet}")


def test_rows_of_a_sheet_that_is_not_there_name_those_that_are(tmp_path: Path) -> None:
    """A hidden sheet is not offered."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(
        workbook({"EU": Sheet({}), "Secret": Sheet({}, is_hidden=True), "a\x9bb": Sheet({1: _HEADERS})})
    )
    with Inventory.open([f"{path}#ASIA"]) as inventory:
        (one,) = inventory.rows()
    assert isinstance(one, Diagnostic)
    assert (one.message, one.allowed) == ("there is no such sheet", "EU, a\\x9bb")
    assert "book.xlsx#Sheet1" in one.fix


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (5432.0, "5432"),
        (5432, "5432"),
        (-0.5, "-0.5"),
        (0.1 + 0.2, "0.3"),
        (1e20, "1e+20"),
        (123456789012345.0, "123456789012345"),
        (True, "true"),
        (" kept \n", " kept \n"),
        ("#N/A", "#N/A"),
        ("0123", "0123"),
        (Styled(45000, DATE), "2023-03-15"),
        (Styled(45000.5, MOMENT), "2023-03-15 12:00:00"),
        (Styled(0.75, TIME), "18:00:00"),
        (Styled(1.5, HOURS), "36:00:00"),
        (Raw('<c t="str"><f>A1</f><v>made</v></c>'), "made"),
        (Raw("<c><f>1+1</f><v>2</v></c>"), "2"),
    ],
)
def test_rows_of_a_workbook_show_a_cell_as_excel_does(cell: Cell, text: str) -> None:
    """Whole numbers have no point, dates are written in one way, formulas give their value."""
    (one,) = rows_of(_book(("one", "mysql", cell)), ".xlsx")
    assert one.cells["port"] == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 11, 21), "2026-11-21"),
        (datetime(2026, 11, 21, 1, 2, 3), "2026-11-21 01:02:03"),  # noqa: DTZ001 - Excel knows no zones
        (time(1, 2), "01:02:00"),
        (timedelta(hours=100, seconds=5), "100:00:05"),
        (1e15, "1e+15"),
    ],
)
def test_text_of_a_value_is_the_one_that_is_documented(value: Value, text: str) -> None:
    """Dates and times take the ISO form, whatever the sheet's locale."""
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (FAILED, "the formula of the cell failed"),
        (NEVER_CALCULATED, "the formula of the cell was never calculated"),
    ],
)
def test_rows_of_a_workbook_with_a_formula_without_a_value_say_so(cell: Cell, message: str) -> None:
    """An error is never taken for an empty cell, also where the row is empty but for it."""
    content = _book(("one", "mysql", cell), (None, None, cell), ("three", "mysql", 1))
    first, second, third = items_of(content, ".xlsx")
    for row, one in ((2, first), (3, second)):
        assert isinstance(one, Diagnostic)
        assert (one.row, one.column, one.message) == (row, "port", message)
        assert one.fix.startswith("mend the formula or type its value, save, then")
    assert isinstance(third, InventoryRow)


def test_rows_of_a_workbook_with_merged_cells_say_so() -> None:
    """Excel shows one value over all of them and keeps it in the first, so nobody can know what is meant."""
    content = _book(
        ("one", "mysql", 1),
        ("two", None, 2),
        ("three", "mysql", None),
        ("four", "mysql", 4, None, None),
        merged=["B2:B3", "B4:C4", "E5:F9"],
    )
    first, second, third, fourth = items_of(content, ".xlsx")
    assert isinstance(first, InventoryRow)
    assert isinstance(second, Diagnostic)
    assert (second.row, second.column) == (3, "source")
    assert second.message == "the cell is merged with B2, which alone has the value"
    assert isinstance(third, Diagnostic)
    assert (third.row, third.column) == (4, "port")
    assert isinstance(fourth, InventoryRow)


def test_rows_of_a_workbook_with_a_cell_beside_the_table_name_its_column() -> None:
    """A column without a header is named by its letters."""
    content = workbook({"S": Sheet({1: (None, *_HEADERS), 2: (None, "one", "mysql", None, "note")})})
    (one,) = items_of(content, ".xlsx")
    assert isinstance(one, Diagnostic)
    assert (one.row, one.column, one.message) == (2, "E", "a cell stands under an empty header")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(workbook({"S": Sheet({})}), "the sheet is empty", id="no cell"),
        pytest.param(_book(), "there is no row under the header", id="no row"),
        pytest.param(_book((None, None, None)), "there is no row under the header", id="an empty row"),
        pytest.param(
            workbook({"S": Sheet({2: ("one", "mysql")})}),
            "the header row has no column name and no column source",
            id="no header",
        ),
        pytest.param(
            workbook({"S": Sheet({1: ("name", "source", "Name")})}),
            "the headers name and Name mean the same column",
            id="header twice",
        ),
        pytest.param(
            workbook({"S": Sheet({1: _HEADERS}, is_hidden=True)}),
            "the workbook has no worksheet that is visible",
            id="all hidden",
        ),
        pytest.param(b"PK\x03\x04", "the workbook cannot be read: it is not a whole", id="no archive"),
        pytest.param(_book()[:-200], "the workbook cannot be read: it is not a whole", id="cut"),
        pytest.param(b"", "the workbook cannot be read: it is not a whole", id="empty"),
        pytest.param(
            workbook({"S": Sheet({})}, extra={"xl/worksheets/sheet1.xml": b"<worksheet><row"}),
            "the workbook cannot be read: its sheet cannot be read",
            id="sheet cut",
        ),
        pytest.param(
            workbook({"S": Sheet({})}, extra={"xl/workbook.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'}),
            "the workbook cannot be read: it declares entities",
            id="entities",
        ),
        pytest.param(
            workbook({"S": Sheet({1: ("name",), 1_048_576: [Raw("<c><v>1</v></c>")] * 26})}),
            "the workbook cannot be read: its cells reach to row 1,048,576 and column 26, which is too far",
            id="far cells",
        ),
        pytest.param(
            workbook(
                {"S": Sheet({})},
                extra={
                    "xl/worksheets/sheet1.xml": b'<worksheet><sheetData><c r="ZZ999999"><v>1</v></c>'
                    b"</sheetData></worksheet>"
                },
            ),
            "the workbook cannot be read: its cells reach to row 999,999 and column 702, which is too far",
            id="a far cell in no row",
        ),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "the workbook is protected by a password, or of the old .xls kind",
            id="password",
        ),
    ],
)
def test_rows_of_a_workbook_that_is_none_say_what_is_wrong(content: bytes, message: str) -> None:
    """Every fault of a workbook is one diagnostic with a remedy."""
    assert fault_of(content, ".xlsx").message.startswith(message)


def test_rows_of_a_workbook_that_the_reader_cannot_take_say_so() -> None:
    """What its own library refuses is a diagnostic too, without the library's words."""
    content = workbook({"S": Sheet({1: _HEADERS})}, extra={"xl/styles.xml": b"<styleSheet><cellXfs><xf"})
    one = fault_of(content, ".xlsx")
    assert one.message.startswith("the workbook cannot be read (")


def test_rows_of_a_workbook_are_found_whatever_its_name() -> None:
    """How a file begins says that it is a workbook, packed or not, also on standard input."""
    content = _book(("one", "mysql", 1))
    for suffix, stored in ((".csv", content), ("", content), (".xlsx.gz", gzip.compress(content))):
        assert len(rows_of(stored, suffix)) == 1
    with Inventory.open(["-"], stdin=io.BytesIO(content)) as inventory:
        assert [item.row for item in inventory.rows()] == [2]
    assert "password" in fault_of(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls").message


def test_rows_of_a_workbook_that_is_huge_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook cannot be streamed, so its size has a bound."""
    monkeypatch.setattr(sheet_rows, "_PACKED_LIMIT", 1000)
    assert fault_of(_book(("one", "mysql", 1)), ".xlsx").message == "the workbook is larger than 256 MiB"


def test_rows_of_a_workbook_that_unpacks_to_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive may hold gigabytes of nothing."""
    monkeypatch.setattr("bulkconn.inventory.workbook.UNPACKED_LIMIT", 1000)
    one = fault_of(_book(("one", "mysql", 1)), ".xlsx")
    assert one.message == "the workbook cannot be read: it unpacks to more than 1 GiB"


def test_rows_of_a_workbook_without_the_extra_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named with the command that gets it."""
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(UsageError, match="is an Excel workbook") as refused:
        items_of(_book(("one", "mysql", 1)), ".xlsx")
    assert "pip install 'bulkconn[excel]'" in refused.value.fix


@pytest.mark.parametrize(
    ("number", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (703, "AAA"), (16384, "XFD")]
)
def test_column_letters_are_those_of_excel(number: int, letters: str) -> None:
    """Columns count in letters, without a zero."""
    assert column_letters(number) == letters


_PARTS = st.sampled_from(
    ["xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml", "xl/styles.xml"]
)
_XML = st.lists(
    st.sampled_from(
        [
            *("<row>", "</row>", '<row r="x">', '<row r="2">', "<c>", "</c>", '<c r="B2" t="e">', "<f/>"),
            *("<v>1</v>", "<v>", '<c r="ZZZ9999999"><v>1</v></c>', "<sheets>", "<sheet/>", "<worksheet>"),
            *('<sheet name="S" r:id="rId1"/>', "<sheetData>", "</sheetData>", "&amp;", "&x;", "\x00", "é"),
            *(
                '<mergeCell ref="A1:B9"/>',
                '<Relationship Id="rId1" Type="/worksheet" Target="/x"/>',
            ),
        ]
    )
).map("".join)


@given(
    part=_PARTS,
    xml=_XML,
    wrap=st.sampled_from(["{}", "<a>{}</a>", "<worksheet><sheetData>{}</sheetData></worksheet>"]),
)
@settings(max_examples=150, deadline=None)
def test_rows_of_any_workbook_are_rows_and_diagnostics(part: str, xml: str, wrap: str) -> None:
    """Whatever a part of a workbook holds, nothing raises and nothing is silent."""
    sheet = Sheet({1: _HEADERS, 2: ("one", "mysql", 1)})
    content = workbook({"S": sheet}, extra={part: wrap.format(xml).encode()})
    items = items_of(content, ".xlsx")
    assert items
    assert all(isinstance(item, (InventoryRow, Diagnostic)) for item in items)
