"""JSON objects of an inventory, decoded so that nothing of them is lost, and flattened into cells."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from bulkconn.core.columns import NESTED, Headings
from bulkconn.core.custom import join_names
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.findings import AGAIN
from bulkconn.core.text import shown
from bulkconn.inventory.faults import fault
from bulkconn.inventory.lines import CELL_LIMIT

if TYPE_CHECKING:
    from bulkconn.core.diagnostics import Diagnostic

_PARAMS: Final = "params"


class Twice:
    """Stands for an object that gives a key twice: `json` would keep the last one without a word."""

    def __init__(self, key: str) -> None:
        self.key = key


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | Twice:
    cells = dict(pairs)
    if len(cells) == len(pairs):
        return cells
    return Twice(Counter(key for key, _ in pairs).most_common(1)[0][0])


def _constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


#: Numbers stay the text that they are in the file: ports are sent as strings, and no digit is lost.
DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_constant
)


def read_object(value: object, file: str, row: int) -> InventoryRow | Diagnostic:
    """Give the row that a decoded value stands for: cells by key, `params` flattened."""
    if isinstance(value, Twice):
        return _twice(file, row, value.key)
    if not isinstance(value, dict):
        return fault(file, f"a row is {_kind(value)}, not an object", row=row, allowed="an object")
    cells: dict[str, str] = {}
    for key, cell in value.items():
        if isinstance(cell, dict) and key.strip().lower() == _PARAMS:
            for name, inner in cell.items():
                problem = _add(cells, NESTED + name, inner, file, row)
                if problem is not None:
                    return problem
        elif isinstance(cell, Twice):
            return _twice(file, row, cell.key)
        else:
            problem = _add(cells, key, _names(key, cell) if isinstance(cell, list) else cell, file, row)
            if problem is not None:
                return problem
    return InventoryRow(file, row, cells)


def _add(cells: dict[str, str], key: str, value: object, file: str, row: int) -> Diagnostic | None:
    """Add a scalar to the cells; empty ones are left out, as absent."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = value
    else:
        return fault(
            file,
            f"a cell is {_kind(value)}",
            row=row,
            column=key,
            allowed="a string, number, boolean or null",
            fix=f"write a single value, {AGAIN}",
        )
    if len(text) > CELL_LIMIT:
        return fault(file, "a cell is longer than 1 MiB", row=row, column=key, fix=f"shorten it, {AGAIN}")
    if key in cells:
        return _twice(file, row, key)
    cells[key] = text
    return None


def _names(key: str, listed: list[object]) -> object:
    """Give the names of secret columns as the text that says the same; other lists as they are: refused."""
    if "secret_columns" not in Headings.of((key,)).own:
        return listed
    names = [one for one in listed if isinstance(one, str) and one.strip() and "," not in one]
    return join_names(names) if len(names) == len(listed) else listed


def _twice(file: str, row: int, key: str) -> Diagnostic:
    return fault(
        file,
        f"the key {shown(key)} is given twice",
        row=row,
        column=key,
        fix=f"keep one of the two, {AGAIN}",
    )


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "text or a number"
        case list():
            return "a list"
        case _:
            return "an object"
