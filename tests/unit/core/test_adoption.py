"""Whether an existing connection reaches the database of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.adoption import shows_same_database
from bulkconn.core.validation import Validated, Validator
from tests.unit.core.rows import RARE, WHOLE, basic_row, endpoint_of, row_of, string_row

if TYPE_CHECKING:
    from bulkconn.core.endpoint import InventoryRow

_ROWS = {
    "basic": basic_row(),
    "built": string_row(password="env://X"),
    "whole": row_of(connectionString=WHOLE),
}


@pytest.mark.parametrize("row", _ROWS.values(), ids=_ROWS)
@pytest.mark.parametrize(
    ("visible", "is_same"),
    [
        pytest.param([], True, id="nothing shown"),
        pytest.param([("server", "h"), ("username", "u")], True, id="equal"),
        pytest.param([("server", "h2")], False, id="another server"),
        pytest.param([("server", "H")], False, id="another case"),
        pytest.param([("username", "***")], False, id="masked"),
        pytest.param([("port", "7"), ("sslMode", "On")], True, id="other parameters"),
        pytest.param([("connectionString", "Server=h;UID=u;Port=7;Password=q")], True, id="an equal string"),
        pytest.param([("connectionString", "Server=h;UID=u2")], False, id="a string of another user"),
        pytest.param([("connectionString", "********")], True, id="a masked string"),
    ],
)
def test_shows_same_database_of_what_is_visible_compares_it(
    row: InventoryRow, visible: list[tuple[str, str]], *, is_same: bool
) -> None:
    """Server, database and username are compared to the letter, as far as they are shown."""
    assert shows_same_database(endpoint_of(row), visible) is is_same


def test_shows_same_database_of_a_string_behind_a_reference_is_not_known() -> None:
    """What cannot be compared is not the same."""
    endpoint = endpoint_of(row_of(connectionString="env://X"))
    assert not shows_same_database(endpoint, [("server", "h")])
    assert shows_same_database(endpoint, [])


def test_shows_same_database_of_a_database_that_the_row_has_not_is_false() -> None:
    """A value shown where the row has none is a difference."""
    assert not shows_same_database(endpoint_of(basic_row()), [("database", "d")])


@pytest.mark.parametrize(("account", "is_same"), [("a", True), ("b", False)])
def test_shows_same_database_of_a_source_without_a_server_compares_what_it_has(
    account: str, *, is_same: bool
) -> None:
    """Another account is another database, whatever the source calls it."""
    row = row_of(source="rare", auth="key_pair", account="a", **{"params.key": "S0VZ"})
    result = Validator([RARE]).validate(row)
    assert isinstance(result, Validated)
    assert shows_same_database(result.endpoint, [("account", account)]) is is_same
