"""Rows of every source, made of what its file says, for the tests that hold of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import Endpoint, InventoryRow
from bulkconn.core.source import Need, Parameter, StringPart, ValueKind
from bulkconn.core.validation import Validated, Validator
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from bulkconn.core.source import AuthSpec, Source

#: Every source, with each of its auth specs.
SPECS = [
    pytest.param(source, auth, id=f"{source.slug}-{auth.platform_cloud}-{auth.auth}")
    for source in ALL
    for auth in source.auths
]
SECRET = "do-not-show-7351"


def complete_row(source: Source, auth: AuthSpec, **changes: str | None) -> InventoryRow:
    """Give a complete row: a string that can be built is built, every secret is a literal."""
    cells: dict[str, str | None] = {
        "name": "Acme",
        "source": source.slug,
        "platform_cloud": auth.platform_cloud,
        "auth": auth.auth,
        "sandbox": "dev",
    }
    cells |= {column_of(what): SECRET if what.secret else what.example for what in filled_by(auth)}
    cells |= changes
    return InventoryRow("a.csv", 2, {name: cell for name, cell in cells.items() if cell})


def minimal_row(source: Source, auth: AuthSpec) -> InventoryRow:
    """Give a row of what is required; where nothing is, of the first parameter alone."""
    left_out = [what for what in filled_by(auth) if need_of(what) is not Need.REQUIRED]
    if len(left_out) == len(filled_by(auth)):
        left_out = left_out[1:]
    return complete_row(source, auth, **dict.fromkeys(map(column_of, left_out)))


def filled_by(auth: AuthSpec) -> list[Parameter | StringPart]:
    """Give what fills a row: the parts of a string that can be built, else the parameters."""
    parts: list[Parameter | StringPart] = [part for part in auth.string_parts if part.always]
    return parts + [
        parameter
        for parameter in auth.parameters
        if not (auth.string_parts and parameter.kind is ValueKind.CONNECTION_STRING)
    ]


def column_of(what: Parameter | StringPart) -> str:
    """Give the column of a parameter or part."""
    return what.column if isinstance(what, StringPart) else what.name


def need_of(what: Parameter | StringPart) -> Need:
    """Give the need of a parameter; a part that is always there is required."""
    return Need.REQUIRED if isinstance(what, StringPart) else what.need


def valid(row: InventoryRow) -> Endpoint:
    """Give the endpoint of a row that must be valid."""
    result = Validator(ALL).validate(row)
    assert isinstance(result, Validated), result
    return result.endpoint
