"""Whatever bytes a file holds, reading and checking it gives rows and diagnostics, never a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkconn.core.diagnostics import Diagnostic
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.validation import Validator
from bulkconn.inventory.check import InventoryCheck
from bulkconn.inventory.formats import InventoryFormat
from bulkconn.inventory.inventory import Inventory
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = ["name", "source", "postgres", "redshift", "params", "connections", "password", "port", "x_a", "key"]
_WORDS += [
    "connectionString",
    "Server=h;Port=1;",
    "env://X",
    "file:///",
    "vault://a",
    "5432",
    "\\ud800",
    "\\u00e9",
]
_MARKS = [
    *"{}[]:,;|\t\n\r\"'= \x00\\",
    "\r\n",
    '","',
    '":"',
    "null",
    "true",
    "1e5",
    "NaN",
    "\ufeff",
    "é",
    "\x1b",
]

_SHAPED = st.lists(st.sampled_from(_WORDS + _MARKS), max_size=60).map("".join)
_BYTES = st.one_of(
    st.binary(max_size=200),
    _SHAPED.map(lambda text: text.encode("utf-8")),
    _SHAPED.map(lambda text: text.encode("utf-16")),
    _SHAPED.map(lambda text: ("name,source\n" + text).encode("utf-8")),
    st.tuples(_SHAPED, st.binary(max_size=4)).map(lambda both: both[0].encode("utf-8") + both[1]),
)
_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(_WORDS)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(_WORDS), st.text()), inner, max_size=4),
    ),
    max_leaves=12,
)


def _read(path: Path, form: InventoryFormat | None) -> None:
    with Inventory.open([path], format=form) as inventory:
        items = list(inventory.rows())
        assert items
        assert all(isinstance(item, (InventoryRow, Diagnostic)) for item in items)
        check = InventoryCheck(inventory, Validator(ALL), reference_exists=lambda _: None)
        valid = [endpoint for batch in check.first_pass() for endpoint in batch]
        assert [endpoint.key for endpoint in check.second_pass()] == [endpoint.key for endpoint in valid]
        # Everything that is shown or kept can be written as UTF-8.
        json.dumps([one.as_json() for one in check.diagnostics], ensure_ascii=False).encode()
        json.dumps([[one.name, one.key, dict(one.cells)] for one in valid], ensure_ascii=False).encode()


@pytest.mark.parametrize("form", [None, *InventoryFormat])
@given(content=_BYTES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_rows_of_any_bytes_are_rows_and_diagnostics(
    content: bytes, form: InventoryFormat | None, tmp_path: Path
) -> None:
    """No content of a file raises, and no file is silent."""
    path = tmp_path / "fuzz"
    path.write_bytes(content)
    _read(path, form)


@given(values=st.lists(_VALUES, max_size=4), lines=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_rows_of_any_json_values_are_rows_and_diagnostics(
    values: list[object], *, lines: bool, tmp_path: Path
) -> None:
    """No value raises, whatever stands where a row or a cell is expected."""
    path = tmp_path / "fuzz"
    text = "\n".join(json.dumps(value) for value in values) if lines else json.dumps(values)
    path.write_text(text, encoding="utf-8")
    _read(path, InventoryFormat.JSONL if lines else InventoryFormat.JSON)


@given(
    st.dictionaries(
        st.sampled_from(["name", "source", "platform_cloud", "sandbox", *_WORDS, "server", "sslMode"]),
        st.one_of(st.text(), st.sampled_from([*_WORDS, "azure", "dev", "basic"])),
    )
)
def test_validate_of_any_cells_gives_a_result(cells: dict[str, str]) -> None:
    """No cell raises, and what is accepted can be sent and kept."""
    row = InventoryRow(
        "a.json", 1, {"name": "a", "source": "mysql", "cloud": "aws", "sandbox": "dev", **cells}
    )
    result = Validator(ALL).validate(row)
    repr(result).encode()
