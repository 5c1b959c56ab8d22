"""Rows as CSV, JSONL or JSON. Data must come back as it was: no cell is changed on its way."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    #: A row by column name; None stands for what is not known.
    Row = Mapping[str, str | float | bool | None]


class ExportFormat(StrEnum):
    """How an export is written."""

    #: One header row over all columns; empty cells for what a row has not.
    CSV = "csv"
    #: One object a line.
    JSONL = "jsonl"
    #: One array of objects.
    JSON = "json"


_CRLF: Final = "\r\n"
_BY_SUFFIX: Final = {f".{one.value}": one for one in ExportFormat} | {".ndjson": ExportFormat.JSONL}


def format_of(path: str | None) -> ExportFormat:
    """Give the format that a file's name asks for; CSV where it says nothing."""
    return _BY_SUFFIX.get(Path(path).suffix.lower(), ExportFormat.CSV) if path else ExportFormat.CSV


class _LineFeeds:
    """Ends the rows of a `csv.writer` by a line feed alone.

    Before Python 3.13 the writer quotes a lone carriage return only where its rows end with one, and readers
    take it for the end of a row.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, row: str) -> None:
        """Take one row, as `csv.writer` hands it over."""
        self._out.write(f"{row.removesuffix(_CRLF)}\n")


class RowWriter:
    """Writes rows one by one, as they come; `count` says how many. Memory does not grow with them.

    `close` ends what a reader needs an end of; without it JSON is cut short.
    """

    def __init__(self, columns: Sequence[str], format_: ExportFormat, out: TextIO) -> None:
        """Begin.

        Args:
            columns: The header of a CSV; JSON objects have their own keys.
            format_: How to write.
            out: Opened with `newline=""`: line breaks are written as they are meant.
        """
        self._format = format_
        self._out = out
        self._csv = csv.DictWriter(
            _LineFeeds(out), columns, restval="", extrasaction="ignore", lineterminator=_CRLF
        )
        self.count = 0
        if format_ is ExportFormat.CSV:
            self._csv.writeheader()

    def write(self, row: Row) -> None:
        """Write the next row."""
        match self._format:
            case ExportFormat.CSV:
                self._csv.writerow(row)
            case ExportFormat.JSONL:
                self._out.write(f"{json.dumps(row, ensure_ascii=False)}\n")
            case ExportFormat.JSON:
                self._out.write(f"{',' if self.count else '['}\n{json.dumps(row, ensure_ascii=False)}")
        self.count += 1

    def close(self) -> None:
        """Write what follows the last row."""
        if self._format is ExportFormat.JSON:
            self._out.write("\n]\n" if self.count else "[]\n")


def write_rows(rows: Iterable[Row], columns: Sequence[str], format_: ExportFormat, out: TextIO) -> int:
    """Write all rows, in their order, and give how many there were; see `RowWriter`."""
    writer = RowWriter(columns, format_, out)
    for row in rows:
        writer.write(row)
    writer.close()
    return writer.count


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Open a file that takes the place of `path` when the block ends well; else `path` stays as it was.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with open(handle, "w", encoding="utf-8", newline="") as out:  # noqa: PTH123 - a descriptor, no path
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(draft).replace(path)
    except OSError as error:
        Path(draft).unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {path}: {error.strerror}", fix="give -o a path that may be written")
