"""Reads a few bytes as an inventory, for the tests of this folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bulkconn.core.diagnostics import Diagnostic
from bulkconn.core.endpoint import InventoryRow
from bulkconn.inventory.inventory import Inventory

if TYPE_CHECKING:
    from bulkconn.inventory.formats import InventoryFormat


def items_of(
    content: bytes | str,
    suffix: str = ".csv",
    *,
    encoding: str | None = None,
    form: InventoryFormat | None = None,
) -> list[InventoryRow | Diagnostic]:
    """Give everything that reading a file of this content gives."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        with Inventory.open([path], encoding=encoding, format=form) as inventory:
            return list(inventory.rows())


def rows_of(content: bytes | str, suffix: str = ".csv", *, encoding: str | None = None) -> list[InventoryRow]:
    """Give the rows of a file in which nothing is wrong."""
    items = items_of(content, suffix, encoding=encoding)
    rows = [item for item in items if isinstance(item, InventoryRow)]
    assert len(rows) == len(items), items
    return rows


def fault_of(content: bytes | str, suffix: str = ".csv", *, encoding: str | None = None) -> Diagnostic:
    """Give the only thing that is wrong with a file."""
    (one,) = [item for item in items_of(content, suffix, encoding=encoding) if isinstance(item, Diagnostic)]
    assert "run the same command" in one.fix
    assert one.found is None
    return one
