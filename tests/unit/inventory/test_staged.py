"""Copies of inventories for workers: the same endpoints at the same places, and no secret in clear."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.core.secret import REFERENCE_SCHEMES
from bulkconn.core.validation import RowDefaults, Validator
from bulkconn.inventory.check import InventoryCheck
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.slices import NotInParts
from bulkconn.inventory.staged import discard, stage
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from bulkconn.core.endpoint import Endpoint

SHIPPED = Path(__file__).parents[3] / "inventories" / "every-source.jsonl"
NAME = "every.jsonl"
WHY = NotInParts("in.xlsx", "it is neither plain CSV nor JSONL")


def endpoints_of(path: Path) -> list[Endpoint]:
    """Give the valid endpoints of an inventory."""
    with Inventory.open([path]) as inventory:
        validator = Validator(ALL, defaults=RowDefaults(sandbox="dev"), schemes=REFERENCE_SCHEMES)
        check = InventoryCheck(inventory, validator)
        found = [endpoint for batch in check.first_pass() for endpoint in batch]
        assert check.is_valid, check.diagnostics
        return found


@pytest.fixture
def referring(tmp_path: Path) -> list[Endpoint]:
    """Give an endpoint for every way to sign in, its secrets as references."""
    rows = [json.loads(line) for line in SHIPPED.read_text(encoding="utf-8").splitlines()]
    with Inventory.open([SHIPPED]) as inventory:
        validator = Validator(
            ALL, defaults=RowDefaults(sandbox="dev"), schemes=REFERENCE_SCHEMES, forbid_plaintext=True
        )
        check = InventoryCheck(inventory, validator)
        for _ in check.first_pass():
            pass
    for number, found in enumerate(check.diagnostics):
        if found.row is not None and found.column is not None and "in clear" in found.message:
            rows[found.row - 1][found.column] = f"env://SECRET_{number}"
    path = tmp_path / NAME
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return endpoints_of(path)


def test_copy_of_every_source_gives_the_same_endpoints_at_the_same_rows(
    tmp_path: Path, referring: list[Endpoint]
) -> None:
    """Keys, fingerprints, references, connection strings and columns of one's own."""
    far_apart = [one._replace(file=NAME, row=3 + 2 * number) for number, one in enumerate(referring)]
    copy = stage(far_apart, tmp_path, "every", WHY)
    again = [one._replace(file=NAME) for one in endpoints_of(copy)]
    assert len(referring) > 30
    assert again == far_apart


def test_same_rows_make_the_same_copy(tmp_path: Path, referring: list[Endpoint]) -> None:
    """A command that is given again leaves one file, and no draft."""
    folder = tmp_path / "shared"
    folder.mkdir()
    first, second = (stage(referring, folder, "every", WHY) for _ in range(2))
    other = stage(referring[1:], folder, "every", WHY)
    assert first == second != other
    assert sorted(folder.iterdir()) == sorted([first, other])
    assert first.stat().st_mode & 0o777 == 0o644


def test_copy_that_is_discarded_is_gone_or_it_is_said_why_not(tmp_path: Path) -> None:
    """Somebody else may have been faster."""
    copy = tmp_path / "every-1.jsonl"
    copy.touch()
    assert [discard(copy), discard(copy), list(tmp_path.iterdir())] == [None, None, []]
    copy.mkdir()
    assert discard(copy) in {"Is a directory", "Operation not permitted"}


def test_secret_in_clear_is_not_copied(tmp_path: Path) -> None:
    """The message names the row, not the secret; nothing is left."""
    path = tmp_path / "in.csv"
    row = dict.fromkeys(("name", "server", "database", "username"), "a")
    row |= {"source": "postgres", "platform_cloud": "azure", "auth": "basic"}
    row |= {"port": "5432", "password": "MARKPW", "sslMode": "Require"}
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, row).writeheader()
        csv.DictWriter(file, row).writerow(row)
    folder = tmp_path / "shared"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"would hold the secret of .*in\.csv:2 in clear") as caught:
        stage(endpoints_of(path), folder, "in", WHY)
    assert "MARKPW" not in str(caught.value) + caught.value.fix
    assert list(folder.iterdir()) == []
    (endpoint,) = endpoints_of(_with_reference(tmp_path, row))
    copied = stage([endpoint], folder, "in", WHY).read_text(encoding="utf-8")
    assert json.loads(copied)["password"] == "env://PW"


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the option that names another."""
    with pytest.raises(UsageError, match=r"can be written to .*: No such file") as caught:
        stage([], tmp_path / "gone", "in", WHY)
    assert "--stage-to" in caught.value.fix


def _with_reference(folder: Path, row: dict[str, str]) -> Path:
    path = folder / "referring.jsonl"
    path.write_text(json.dumps({**row, "password": "env://PW"}), encoding="utf-8")
    return path
