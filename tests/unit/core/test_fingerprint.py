"""What makes two rows the same to the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.core.rows import WHOLE, basic_row, endpoint_of, row_of, string_row

if TYPE_CHECKING:
    from bulkconn.core.endpoint import InventoryRow


def _print(row: InventoryRow) -> str:
    return endpoint_of(row).fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(basic_row(), basic_row(password="other"), id="another password"),
        pytest.param(basic_row(), basic_row(password="env://X"), id="a reference for the password"),
        pytest.param(basic_row(), basic_row(x_team="sales", key="k"), id="what is never sent"),
        pytest.param(basic_row(), basic_row(sslMode="Off"), id="a default that is spelt out"),
        pytest.param(string_row(), string_row(password="q"), id="another password in a string"),
        pytest.param(
            row_of(connectionString=WHOLE),
            row_of(connectionString=WHOLE.replace("Password=p", "Password=q")),
            id="another password in a whole string",
        ),
        pytest.param(
            row_of(source="only", connectionString="jdbc:a"),
            row_of(source="only", connectionString="jdbc:b"),
            id="strings that cannot be read",
        ),
        pytest.param(
            row_of(connectionString="env://A"), row_of(connectionString="env://B"), id="another reference"
        ),
    ],
)
def test_fingerprint_of_rows_that_differ_in_secrets_is_the_same(
    one: InventoryRow, other: InventoryRow
) -> None:
    """Secrets, references and what is never sent are left out."""
    assert _print(one) == _print(other)
    assert len(_print(one)) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(basic_row(), basic_row(name="two"), id="name"),
        pytest.param(basic_row(), basic_row(sandbox="prod"), id="sandbox"),
        pytest.param(basic_row(), basic_row(description="a"), id="description"),
        pytest.param(basic_row(), basic_row(port="2"), id="parameter"),
        pytest.param(basic_row(comment="ab"), basic_row(comment="a", description="b"), id="moved text"),
        pytest.param(basic_row(), basic_row(platform_cloud="aws", schema="s"), id="cloud"),
        pytest.param(string_row(), string_row(server="h2"), id="part of a string"),
        pytest.param(
            row_of(connectionString=WHOLE),
            row_of(connectionString=WHOLE.replace("=h", "=h2")),
            id="server of a whole string",
        ),
    ],
)
def test_fingerprint_of_rows_that_send_something_else_differs(one: InventoryRow, other: InventoryRow) -> None:
    """An edited row shows."""
    assert _print(one) != _print(other)
