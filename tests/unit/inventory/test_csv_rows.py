"""CSV files in the dialects that people have, and what is said of broken ones."""

from __future__ import annotations

import pytest

from bulkconn.core.diagnostics import Diagnostic
from bulkconn.core.endpoint import InventoryRow
from tests.unit.inventory.reading import fault_of, items_of, rows_of


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_read_csv_of_any_dialect_gives_the_cells(delimiter: str, line_end: str) -> None:
    """Delimiter and line end are found out; empty cells are absent."""
    lines = ["name;source;x_a;server", "one;mysql;;h", "two;redshift;a, b;", ""]
    text = line_end.join(lines).replace(";", delimiter)
    if delimiter == ",":
        text = text.replace("a, b", '"a, b"')
    first, second = rows_of(text)
    assert (first.row, dict(first.cells)) == (2, {"name": "one", "source": "mysql", "server": "h"})
    assert (second.row, dict(second.cells)) == (3, {"name": "two", "source": "redshift", "x_a": "a, b"})
    assert first.headers == ("name", "source", "x_a", "server")


@pytest.mark.parametrize(
    ("content", "row"),
    [
        pytest.param("\ufeffname,source\none,mysql\n", 2, id="byte order mark"),
        pytest.param("sep=;\nname;source\none;mysql\n", 3, id="a spreadsheet's first line"),
        pytest.param('"SEP=|"\r\nname|source\r\none|mysql\r\n', 3, id="the same in quotes"),
        pytest.param("\n\n  \nname,source\n\none,mysql", 6, id="blank lines"),
        pytest.param('"na;me","source"\n', None, id="a delimiter inside a quoted header"),
        pytest.param("name,source\n,\none,mysql\n,,,\n", 3, id="rows of nothing but delimiters"),
        pytest.param("Name,SOURCE\none,mysql", 2, id="headers in another case"),
    ],
)
def test_read_csv_of_a_file_with_additions_finds_the_row(content: str, row: int | None) -> None:
    """What programs put around the rows does no harm."""
    if row is None:
        assert fault_of(content).message == "the header row has no column name"
        return
    (one,) = rows_of(content)
    assert one.row == row
    assert list(one.cells.values()) == ["one", "mysql"]


def test_read_csv_of_a_header_full_of_other_delimiters_finds_its_own() -> None:
    """The delimiter is the one that gives a name and a source, not the one seen most often."""
    (one,) = rows_of('"name",source,x_a;b;c;d|e|f|g|h\none,mysql,1\n')
    assert dict(one.cells) == {"name": "one", "source": "mysql", "x_a;b;c;d|e|f|g|h": "1"}


def test_read_csv_of_quoted_line_ends_counts_as_an_editor_does() -> None:
    """A record is numbered by the line on which it begins, blank lines and cells of many lines included."""
    text = 'name,source,"x_\nnote"\none,mysql,"a\n\nb"\n\ntwo,mysql,"say ""hi"""\n'
    first, second = rows_of(text)
    assert (first.row, first.cells["x_\nnote"]) == (3, "a\n\nb")
    assert (second.row, second.cells["x_\nnote"]) == (7, 'say "hi"')


def test_read_csv_of_secret_cells_keeps_their_blanks() -> None:
    """Stripping is not the reader's: it does not know which cells are secret."""
    (one,) = rows_of("name,source,password\n a , mysql, p \n")
    assert dict(one.cells) == {"name": " a ", "source": " mysql", "password": " p "}


@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        pytest.param("", None, "the file is empty", id="empty"),
        pytest.param("\n \n", None, "the file is empty", id="blank lines only"),
        pytest.param("sep=;\n", None, "the file is empty", id="a first line only"),
        pytest.param("name,source\n", None, "there is no row under the header", id="header only"),
        pytest.param(
            "sep=#\nname#source\n",
            None,
            "the line sep= names a delimiter that is not known",
            id="odd delimiter",
        ),
        pytest.param(
            "one,mysql,s3cret,s3cret\n",
            1,
            "the header row has no column name and no column source",
            id="no header",
        ),
        pytest.param("name,server\n", 1, "the header row has no column source", id="no source"),
        pytest.param(
            "name,source,port,Port\n", 1, "the headers port and Port mean the same column", id="header twice"
        ),
        pytest.param(
            "name,source,a,a\n", 1, "the headers a and a mean the same column", id="a one-letter header twice"
        ),
        pytest.param(
            "name,source,ssl_mode,sslMode\n",
            1,
            "the headers ssl_mode and sslMode mean the same column",
            id="two spellings",
        ),
        pytest.param("name,sou\x00rce\n", 1, "the header row holds a NUL character", id="NUL in the header"),
        pytest.param(
            'name,source\none,mysql\n"two,mysql\nthree,mysql\n',
            3,
            "a quote that is opened in this row is never closed",
            id="a quote without an end",
        ),
        pytest.param(
            'name,source\none,mysql\n"two"x,mysql\n',
            3,
            "text follows a closing quote",
            id="text after a quote",
        ),
        pytest.param(
            "name,source\none,mysql\ntwo," + "x" * (1 << 20) + "x\n",
            3,
            "a cell is longer than 1 MiB: perhaps a quote in this row is never closed",
            id="an oversized cell",
        ),
        pytest.param(
            "name,source\none,mysql\n" + "x," * (3 << 20),
            3,
            "a line is longer than 4 MiB",
            id="an endless line",
        ),
        pytest.param("name,source\none\n", 2, "the row has 1 cells under 2 headers", id="a short row"),
        pytest.param("name,source\na,b,c\n", 2, "the row has 3 cells under 2 headers", id="a long row"),
        pytest.param("name,source\na,b\x00\n", 2, "the row holds a NUL character", id="NUL in a row"),
    ],
)
def test_read_csv_of_a_broken_file_says_where(content: str, row: int | None, message: str) -> None:
    """Every way in which a file can be broken has its words, and shows nothing of its cells."""
    one = fault_of(content)
    assert (one.row, one.message) == (row, message)
    assert "s3cret" not in str(one)


def test_read_csv_of_a_bad_row_goes_on_with_the_next() -> None:
    """A ragged row or a NUL does not spoil what follows."""
    items = items_of("name,source\none\ntwo,mysql\nthree,my\x00sql\nfour,mysql\n")
    assert [type(item) for item in items] == [Diagnostic, InventoryRow, Diagnostic, InventoryRow]
    assert [item.row for item in items] == [2, 3, 4, 5]


def test_read_csv_of_a_large_cell_gives_it() -> None:
    """A cell of 1 MiB is still one."""
    cell = "x" * (1 << 20)
    (one,) = rows_of(f"name,source,x_note\none,mysql,{cell}\n")
    assert one.cells["x_note"] == cell
