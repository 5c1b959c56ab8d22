"""Rows of a JSONL file: one object a line; a bad line does not spoil the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.findings import AGAIN
from bulkconn.inventory.faults import Unreadable, fault
from bulkconn.inventory.lines import NUL_FIX, NUL_MESSAGE, Lines
from bulkconn.inventory.objects import DECODER, read_object

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.endpoint import InventoryRow


def read_jsonl(text: TextIO, file: str) -> Iterator[InventoryRow | Diagnostic]:
    """Give the rows of a JSONL file, numbered by line.

    Raises:
        Unreadable: it is no JSONL at all, has no row, or has a line without an end.
    """
    lines = Lines(text, file)
    has_rows = False
    for line in lines:
        stripped = line.strip()
        if not stripped:
            continue
        if not has_rows and stripped[0] == "[":
            raise Unreadable(
                fault(
                    file,
                    "the file begins with an array: it is JSON, not JSONL",
                    row=lines.number,
                    fix="name it .json, then run the same command",
                )
            )
        has_rows = True
        yield _row(stripped, file, lines)
    if not has_rows:
        raise Unreadable(fault(file, "the file is empty", fix=f"add rows, {AGAIN}"))


def _row(line: str, file: str, lines: Lines) -> InventoryRow | Diagnostic:
    if lines.take_nul():
        return fault(file, NUL_MESSAGE, row=lines.number, fix=NUL_FIX)
    try:
        value = DECODER.decode(line)
    except ValueError as error:
        return fault(
            file,
            f"the line is not valid JSON: {_reason(error)}",
            row=lines.number,
            allowed="one object a line",
        )
    except RecursionError:
        return fault(file, "the line is nested too deeply", row=lines.number)
    return read_object(value, file, lines.number)


def _reason(error: ValueError) -> str:
    # `msg` and `colno` of a JSONDecodeError; its text would repeat a line number that is always 1.
    message, column = getattr(error, "msg", str(error)), getattr(error, "colno", None)
    return message if column is None else f"{message} (column {column})"
