"""Exports come back as they went, and a file is replaced whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.report.export import ExportFormat, format_of, replacing, write_rows

if TYPE_CHECKING:
    from pathlib import Path

ROWS: list[dict[str, str | int | None]] = [
    {"key": "k1", "name": "=1+1", "attempts": 1, "error_message": None, "x_note": 'two\nlines, "quoted"'},
    {"key": "k2", "name": "Zoë; +49", "attempts": 0, "error_message": "@cmd", "x_note": "a\rb"},
]
COLUMNS = ("key", "name", "attempts", "error_message", "x_note")


def written(format_: ExportFormat, rows: list[dict[str, str | int | None]]) -> str:
    """Give what is written for rows."""
    out = io.StringIO()
    assert write_rows(rows, COLUMNS, format_, out) == len(rows)
    return out.getvalue()


def test_csv_of_rows_reads_back_as_the_same_text() -> None:
    """No cell is changed on its way, not even one that a spreadsheet would take for a formula."""
    read = list(csv.DictReader(io.StringIO(written(ExportFormat.CSV, ROWS))))
    assert read == [
        {name: str(row.get(name) if row.get(name) is not None else "") for name in COLUMNS} for row in ROWS
    ]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []], ids=["two", "one", "none"])
def test_json_of_rows_reads_back_equal(rows: list[dict[str, str | int | None]]) -> None:
    """An array of the very rows, also of none."""
    assert json.loads(written(ExportFormat.JSON, rows)) == rows


def test_jsonl_of_rows_is_one_object_a_line() -> None:
    """A line a row, whatever line breaks the row holds."""
    assert [json.loads(line) for line in written(ExportFormat.JSONL, ROWS).splitlines()] == ROWS


@pytest.mark.parametrize(
    ("path", "format_"),
    [
        (None, ExportFormat.CSV),
        ("a.csv", ExportFormat.CSV),
        ("a.JSON", ExportFormat.JSON),
        ("a.jsonl", ExportFormat.JSONL),
        ("a.ndjson", ExportFormat.JSONL),
        ("a.txt", ExportFormat.CSV),
    ],
)
def test_format_of_a_path_is_what_its_name_says(path: str | None, format_: ExportFormat) -> None:
    """The name of a file says how it is to be written."""
    assert format_of(path) is format_


def write_half(path: Path) -> None:
    """Fail in the middle of a file."""
    with replacing(path) as out:
        out.write(f"half{1 // 0}")


def test_replacing_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    """A file that could not be written to its end does not take the place of a whole one."""
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]


def test_replacing_a_file_puts_the_new_one_in_its_place(tmp_path: Path) -> None:
    """The new file is there once it is whole."""
    path = tmp_path / "out.csv"
    with replacing(path) as out:
        out.write("new")
        assert not path.exists()
    assert path.read_text() == "new"


def test_replacing_a_file_in_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    """A path that cannot be written to is named."""
    with pytest.raises(UsageError, match="cannot write"), replacing(tmp_path / "no" / "out.csv"):
        pass
