"""An inventory is checked as a whole before anything of it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.errors import InventoryChanged
from bulkconn.core.validation import RowDefaults, Validator
from bulkconn.inventory import check as check_module
from bulkconn.inventory.check import InventoryCheck
from bulkconn.inventory.inventory import Inventory
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bulkconn.core.secret import SecretRef

_HEADER = "Name,source,cloud,sandbox,server,port,username,password,database,key\n"
_USUAL = {"port": "5439", "password": "p", "key": ""}


def _line(name: str, **cells: str) -> str:
    port, password, key = (cells.get(cell, usual) for cell, usual in _USUAL.items())
    return f"{name},redshift,azure,dev,h,{port},u,{password},d,{key}\n"


def _check(
    tmp_path: Path,
    *texts: str,
    exists: Callable[[SecretRef], SecretUnavailable | None] | None = None,
    suffix: str = "csv",
) -> InventoryCheck:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.{suffix}"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return InventoryCheck(
        Inventory.open(paths), Validator(ALL, defaults=RowDefaults()), reference_exists=exists
    )


def _names(check: InventoryCheck) -> list[str]:
    return [endpoint.name for batch in check.first_pass() for endpoint in batch]


def test_first_pass_over_a_valid_inventory_gives_its_endpoints(tmp_path: Path) -> None:
    """Both passes give the same endpoints, from all files, in order."""
    check = _check(tmp_path, _HEADER + _line("a") + _line("b"), _HEADER + _line("c"))
    assert _names(check) == ["a", "b", "c"]
    assert (check.rows, check.invalid, check.errors, check.warnings) == (3, 0, 0, 0)
    assert check.is_valid
    assert check.is_whole
    assert [endpoint.name for endpoint in check.second_pass()] == ["a", "b", "c"]
    assert _names(check) == ["a", "b", "c"]
    assert check.rows == 3


def test_first_pass_over_a_wrong_inventory_says_everything_in_order(tmp_path: Path) -> None:
    """Faults of reading, of values, of repetition and of references, as the rows stand in the file."""
    text = _HEADER + _line("a") + "x\n" + _line("b", port="x") + _line("A ") + _line("c", password="env://NO")
    text += _line("d", password=" p ")
    check = _check(tmp_path, text, exists=lambda reference: SecretUnavailable(f"{reference.uri} is not set"))
    assert _names(check) == ["a", "d"]
    path = tmp_path / "0.csv"
    assert [(one.severity, one.row, one.column, one.message) for one in check.diagnostics] == [
        ("error", 3, None, "the row has 1 cells under 10 headers"),
        ("error", 4, "port", "port is not a number"),
        ("error", 5, "Name", f"name is taken in sandbox dev for redshift by {path}:2"),
        ("error", 6, "password", "the secret cannot be found: env://NO is not set"),
        ("warning", 7, "password", "password has blanks at its ends, which are kept as part of the secret"),
    ]
    assert (check.rows, check.invalid, check.errors, check.warnings) == (6, 4, 4, 1)
    assert not check.is_valid
    assert check.is_whole
    assert [endpoint.name for endpoint in check.second_pass()] == ["a", "d"]


def test_first_pass_over_repeated_keys_names_both_places(tmp_path: Path) -> None:
    """The later row reports, in another file too; a key that only follows from the name is not mentioned."""
    check = _check(tmp_path, _HEADER + _line("a", key="k"), _HEADER + _line("b", key="k") + _line("a"))
    assert _names(check) == ["a"]
    first = tmp_path / "0.csv"
    assert [(one.file, one.row, one.column, one.message, one.found) for one in check.diagnostics] == [
        (str(tmp_path / "1.csv"), 2, "key", f"key is the same as at {first}:2", "k"),
        (
            str(tmp_path / "1.csv"),
            3,
            "Name",
            f"name is taken in sandbox dev for redshift by {first}:2",
            "a",
        ),
    ]


def test_first_pass_over_a_row_that_repeats_twice_says_both(tmp_path: Path) -> None:
    """Its key is one row's and its name another's; a default key can be what somebody gave."""
    text = _HEADER + _line("a", key="k") + _line("b") + _line("B", key="k") + _line("c", key="dev/redshift/d")
    check = _check(tmp_path, text + _line("d"))
    assert _names(check) == ["a", "b", "c"]
    path = tmp_path / "0.csv"
    assert [(one.row, one.column, one.message) for one in check.diagnostics] == [
        (4, "Name", f"name is taken in sandbox dev for redshift by {path}:3"),
        (4, "key", f"key is the same as at {path}:2"),
        (6, "Name", f"key is the same as at {path}:5"),
    ]
    assert check.diagnostics[0].allowed == "a name that differs in more than case and blanks"


def test_first_pass_over_the_same_row_given_twice_reports_the_name_once(tmp_path: Path) -> None:
    """Where keys are compared at all, a default key still is not worth a second diagnostic."""
    check = _check(tmp_path, _HEADER + _line("z", key="k") + _line("a") + _line("a"))
    _names(check)
    assert [one.message for one in check.diagnostics] == [
        f"name is taken in sandbox dev for redshift by {tmp_path / '0.csv'}:3"
    ]


def test_first_pass_over_a_file_that_is_cut_short_is_not_whole(tmp_path: Path) -> None:
    """What stands behind the fault is unknown: skipping invalid rows cannot mend that."""
    check = _check(tmp_path, '[{"name": "a"}, {"na', suffix="json")
    assert _names(check) == []
    assert not check.is_whole
    assert (check.rows, check.invalid, check.errors) == (1, 1, 4)


def test_first_pass_over_a_warning_of_the_file_counts_no_row(tmp_path: Path) -> None:
    """A member beside `connections` is no row."""
    row = '{"name": "a", "source": "redshift", "cloud": "azure", "sandbox": "s", "server": "h", "port": 1, '
    row += '"username": "u", "password": "p", "database": "d"}'
    check = _check(tmp_path, f'{{"version": 1, "connections": [{row}]}}', suffix="json")
    assert _names(check) == ["a"]
    assert (check.rows, check.invalid, check.errors, check.warnings) == (1, 0, 0, 1)
    assert check.is_valid
    assert [endpoint.name for endpoint in check.second_pass()] == ["a"]


def test_first_pass_over_many_faults_counts_all_and_keeps_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded, the counts are not."""
    monkeypatch.setattr(check_module, "KEPT_ERRORS", 3)
    monkeypatch.setattr(check_module, "KEPT_WARNINGS", 2)
    monkeypatch.setattr(check_module, "BATCH_ROWS", 2)
    lines = [_line(str(n), port="x", password=" p") for n in range(10)] + [_line("ok")]
    check = _check(tmp_path, _HEADER + "".join(lines))
    assert _names(check) == ["ok"]
    assert (check.errors, check.warnings, check.invalid, check.rows) == (10, 10, 10, 11)
    assert [one.severity for one in check.diagnostics] == ["error", "warning", "error", "warning", "error"]
    assert [endpoint.name for endpoint in check.second_pass()] == ["ok"]


def test_first_pass_asks_for_each_reference_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows share logins, and a store may be slow; what is remembered is bounded."""
    monkeypatch.setattr(check_module, "_REMEMBERED_REFERENCES", 2)
    asked: list[str] = []

    def exists(reference: SecretRef) -> None:
        asked.append(reference.uri)

    names = ["A", "A", "B", "C", "A"]
    lines = [_line(str(n), password=f"env://{name}") for n, name in enumerate(names)]
    assert len(_names(_check(tmp_path, _HEADER + "".join(lines), exists=exists))) == 5
    assert asked == ["env://A", "env://B", "env://C", "env://A"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_HEADER + _line("a") + _line("b") + _line("c"), id="longer"),
        pytest.param(_HEADER + _line("a") + _line("b", port="x"), id="invalid now"),
        pytest.param(_HEADER + _line("a") + _line("x"), id="another row"),
    ],
)
@pytest.mark.parametrize("is_seen_early", [True, False])
def test_second_pass_over_a_changed_file_raises(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch, *, is_seen_early: bool
) -> None:
    """Nothing is used that was not checked, even where size and times do not show the change."""
    check = _check(tmp_path, _HEADER + _line("a") + _line("b"))
    assert _names(check) == ["a", "b"]
    (tmp_path / "0.csv").write_text(content)
    if not is_seen_early:
        assert isinstance(check._inventory, Inventory)
        file = check._inventory._files[0]
        monkeypatch.setattr(file, "verify_unchanged", lambda: None)
    with pytest.raises(InventoryChanged, match="changed") as raised:
        list(check.second_pass())
    assert "rows already created are skipped" in raised.value.fix
