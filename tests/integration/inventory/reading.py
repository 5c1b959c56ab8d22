"""Reads inventories from elsewhere, for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import UsageError
from bulkconn.core.secret import SecretStr
from bulkconn.flowservice.url_rules import is_loopback
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.network import Network

if TYPE_CHECKING:
    from yarl import URL

CSV: Final = b"name,source\none,mysql\ntwo,redshift\n"


def no_proxy(_: URL) -> URL | None:
    """Say that there is no proxy."""
    return None


def network(**more: object) -> Network:
    """Give a way out whose waits are short enough for tests."""
    quick = Network(no_proxy, is_loopback, connect_s=2.0, silence_s=0.5, pauses_s=(0.0, 0.0))
    return replace(quick, **more)  # type: ignore[arg-type]  # by name


def with_authorization(text: str) -> Network:
    """Give a way out with an authorization for web addresses."""
    return network(authorization=SecretStr(text))


def names_at(url: str, through: Network | None = None) -> list[str]:
    """Read an inventory twice and give the names of its rows, which must be the same both times."""
    with Inventory.open([url], network=through or network()) as inventory:
        first, second = list(inventory.rows()), list(inventory.rows())
        inventory.verify_unchanged()
    assert first == second
    assert all(isinstance(row, InventoryRow) for row in first), first
    return [row.cells["name"] for row in first if isinstance(row, InventoryRow)]


def refusal_of(url: str, through: Network | None = None) -> UsageError:
    """Give the error with which an inventory is not read; it holds nothing that these tests call secret."""
    with pytest.raises(UsageError) as refused:
        names_at(url, through)
    error: BaseException | None = refused.value
    while error is not None:
        assert "hush" not in f"{error}{error!r}{getattr(error, 'fix', '')}"
        error = (
            error.__cause__
            if error.__cause__ is not None or error.__suppress_context__
            else error.__context__
        )
    return refused.value
