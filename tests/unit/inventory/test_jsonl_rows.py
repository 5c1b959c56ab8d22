"""JSONL files: a bad line does not spoil the next."""

from __future__ import annotations

import pytest

from bulkconn.core.diagnostics import Diagnostic
from tests.unit.inventory.reading import fault_of, items_of, rows_of


def test_read_jsonl_of_lines_numbers_them_as_an_editor_does() -> None:
    """Blank lines count, and are no rows."""
    rows = rows_of('\ufeff{"name": "a", "port": 5432}\r\n\n  {"name": "b"}  \n', ".jsonl")
    assert [(row.row, dict(row.cells)) for row in rows] == [
        (1, {"name": "a", "port": "5432"}),
        (3, {"name": "b"}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param('{"name": ', "the line is not valid JSON: Expecting value (column 9)", id="half a row"),
        pytest.param("{} {}", "the line is not valid JSON: Extra data (column 4)", id="two rows"),
        pytest.param('{"a": Infinity}', "the line is not valid JSON: Infinity is not JSON", id="infinity"),
        pytest.param('{"a":' * 100_000, "the line is nested too deeply", id="deep nesting"),
        pytest.param('{"a": "\x00"}', "the row holds a NUL character", id="NUL"),
        pytest.param("7", "a row is text or a number, not an object", id="a number"),
        pytest.param('{"a": 1, "a": 2}', "the key a is given twice", id="key twice"),
    ],
)
def test_read_jsonl_of_a_bad_line_goes_on_with_the_next(line: str, message: str) -> None:
    """Each line stands for itself."""
    items = items_of(f'{{"name": "a"}}\n{line}\n{{"name": "b"}}\n', ".jsonl")
    assert [item.row for item in items] == [1, 2, 3]
    assert isinstance(items[1], Diagnostic)
    assert items[1].message == message
    assert not isinstance(items[2], Diagnostic)


@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        pytest.param("\n", None, "the file is empty", id="empty"),
        pytest.param("\n[\n{}\n]", 2, "the file begins with an array: it is JSON, not JSONL", id="an array"),
        pytest.param('{"a": "' + "x" * (5 << 20), 1, "a line is longer than 4 MiB", id="an endless line"),
    ],
)
def test_read_jsonl_of_another_file_says_so(content: str, row: int | None, message: str) -> None:
    """A file that is no JSONL is given up at once."""
    one = fault_of(content, ".jsonl")
    assert (one.row, one.message) == (row, message)
