"""Which format and encoding an inventory has: by what the user says, by its name, by how it begins."""

from __future__ import annotations

import codecs
import json
from enum import StrEnum
from typing import Final

from bulkconn.core.errors import UsageError


class InventoryFormat(StrEnum):
    """How an inventory is written."""

    #: Rows of cells under a header row, divided by comma, semicolon, tab or bar.
    CSV = "csv"
    #: One array of objects, or an object with a `connections` array.
    JSON = "json"
    #: One object a line.
    JSONL = "jsonl"
    #: A worksheet of an Excel workbook, with a header row.
    XLSX = "xlsx"


#: UTF-8, with or without a byte order mark.
DEFAULT_ENCODING: Final = "utf-8-sig"

_BY_SUFFIX: Final = {
    ".csv": InventoryFormat.CSV,
    ".tsv": InventoryFormat.CSV,
    ".json": InventoryFormat.JSON,
    ".jsonl": InventoryFormat.JSONL,
    ".ndjson": InventoryFormat.JSONL,
    ".xlsx": InventoryFormat.XLSX,
}

#: How an Excel workbook begins: as a zip archive, or (an old one, or one with a password) as an OLE file.
#: No other inventory does.
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")

# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def check_encoding(encoding: str) -> None:
    """Do nothing if Python knows a text encoding of that name.

    Raises:
        UsageError: it does not.
    """
    try:
        # Not of nothing: Python decodes no bytes without looking at the name.
        b"name".decode(encoding, "ignore")
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"--encoding {encoding!r} is not the name of an encoding",
            fix="use one such as utf-8, utf-16 or cp1252",
        ) from error


def detect_encoding(head: bytes, said: str | None) -> str:
    """Give the encoding of a file that begins with `head`: what the user says, else its byte order mark."""
    if said is not None:
        # A mark at the start is no part of the first header, whatever way UTF-8 is spelt.
        return DEFAULT_ENCODING if codecs.lookup(said).name == "utf-8" else said
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), DEFAULT_ENCODING)


def detect_format(suffix: str, head: bytes, encoding: str) -> InventoryFormat:
    """Give the format of a file: a workbook shows by its first bytes, others by suffix or first line."""
    if head.startswith(_WORKBOOKS):
        return InventoryFormat.XLSX
    known = _BY_SUFFIX.get(suffix)
    if known is not None:
        return known
    start = head.decode(encoding, "ignore").lstrip()
    if start.startswith("["):
        return InventoryFormat.JSON
    if not start.startswith("{"):
        return InventoryFormat.CSV
    first_line = start.split("\n", 1)[0]
    try:
        whole = json.loads(first_line)
    except (ValueError, RecursionError):
        return InventoryFormat.JSON
    return InventoryFormat.JSON if "connections" in whole else InventoryFormat.JSONL
