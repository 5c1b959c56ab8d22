"""The inventories that are shipped are valid, and show what they say they show."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from pathlib import Path

import pytest

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.endpoint import BuiltString, InventoryRow
from bulkconn.core.request import secret_refs
from bulkconn.core.secret import SecretStr
from bulkconn.core.validation import Validator
from bulkconn.inventory.check import InventoryCheck
from bulkconn.inventory.inventory import Inventory
from bulkconn.sources import ALL

_FOLDER = Path(__file__).parents[3] / "inventories"
_FILES = sorted(path for path in _FOLDER.iterdir() if path.suffix != ".md")


def _unexpected(check: InventoryCheck) -> list[Diagnostic]:
    """Give what is wrong but for warnings of what Adobe has deprecated or does not explain."""
    about = {"source", "authenticationType"}
    return [
        one
        for one in check.diagnostics
        if one.severity is Severity.ERROR or one.column not in about or "every-source" not in one.file
    ]


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_shipped_inventory_is_valid_and_described(path: Path) -> None:
    """No error, no warning, no secret that must exist elsewhere, no password that could be a real one."""
    check = InventoryCheck(Inventory.open([path]), Validator(ALL))
    endpoints = [endpoint for batch in check.first_pass() for endpoint in batch]
    assert _unexpected(check) == []
    assert endpoints
    for endpoint in endpoints:
        assert secret_refs(endpoint) == ()
        secrets = [value for _, value in endpoint.params]
        for value in secrets:
            parts = [part for _, part in value.parts] if isinstance(value, BuiltString) else [value]
            literals = [part.get_secret_value() for part in parts if isinstance(part, SecretStr)]
            assert all("demo" in text or b"demo" in b64decode(text) for text in literals)
    assert f"`{path.name}`" in (_FOLDER / "README.md").read_text(encoding="utf-8")


def test_shipped_inventories_do_not_repeat_each_other() -> None:
    """They can be run together, into one ledger."""
    check = InventoryCheck(Inventory.open(_FILES), Validator(ALL))
    assert sum(len(batch) for batch in check.first_pass()) == check.rows
    assert _unexpected(check) == []


def test_every_source_is_shipped_with_a_row_for_each_auth_spec() -> None:
    """Whoever looks for an example finds one."""
    with Inventory.open([_FOLDER / "every-source.jsonl"]) as inventory:
        rows = [row for row in inventory.rows() if isinstance(row, InventoryRow)]
    assert [(row.cells["source"], row.cells["platform_cloud"], row.cells["auth"]) for row in rows] == [
        (source.slug, auth.platform_cloud, auth.auth) for source in ALL for auth in source.auths
    ]


def test_demo_inventory_has_sixty_rows_of_three_sources() -> None:
    """All their clouds and auths; two sandboxes on each cloud."""
    check = InventoryCheck(Inventory.open([_FOLDER / "demo.csv"]), Validator(ALL))
    endpoints = [endpoint for batch in check.first_pass() for endpoint in batch]
    assert len(endpoints) == check.rows == 60
    assert Counter(endpoint.source for endpoint in endpoints) == {"postgres": 20, "mysql": 20, "redshift": 20}
    assert {(endpoint.platform_cloud, endpoint.sandbox) for endpoint in endpoints} == {
        ("azure", "dev"),
        ("azure", "prod"),
        ("aws", "dev-aws"),
        ("aws", "prod-aws"),
    }
    assert {(one.source, one.platform_cloud, one.auth) for one in endpoints} == {
        (source.slug, auth.platform_cloud, auth.auth) for source in ALL[:3] for auth in source.auths
    }
    assert all({"x_team", "x_ticket"} <= endpoint.cells.keys() for endpoint in endpoints)
