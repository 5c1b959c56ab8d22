"""Rows that repeat another row's key or name, found exactly and without filling the memory."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.endpoint import Endpoint
from bulkconn.core.errors import UsageError
from bulkconn.core.names import EndpointKey, default_key
from bulkconn.core.source import PlatformCloud
from bulkconn.inventory import duplicates
from bulkconn.inventory.duplicates import Duplicates, Earlier

if TYPE_CHECKING:
    from collections.abc import Callable

_HASHES = {
    "as it is": hash,
    "all alike": lambda _: 7,
    "two kinds": lambda text: len(text) % 2,
    "negative": lambda text: -(len(text) % 3) - 1,
    "one bucket": lambda text: hash(text) % 2**40 << 15,
    "marks that overlap": lambda text: (0x0101_0101_0101 * (len(text) % 2)) << 15,
}


def _endpoint(
    row: int,
    name: str,
    *,
    key: str | None = None,
    sandbox: str = "dev",
    spec: str = "s",
    source: str = "mysql",
) -> Endpoint:
    return Endpoint(
        key=EndpointKey(key) if key else default_key(sandbox, source, name),
        name=name,
        source=source,
        platform_cloud=PlatformCloud.AZURE,
        sandbox=sandbox,
        auth="basic",
        auth_spec_name="Basic",
        connection_spec_id=spec,
        connection_spec_version="1.0",
        description=None,
        params=(),
        cells={},
        fingerprint="",
        file="a.csv",
        row=row,
    )


@pytest.mark.parametrize("hashed", _HASHES.values(), ids=_HASHES)
def test_find_of_rows_that_repeat_names_the_first_one(hashed: Callable[[str], int]) -> None:
    """A name is compared loosely, in one sandbox and spec; a key to the letter, whoever gave it."""
    batches = [
        [_endpoint(2, "Sales"), _endpoint(3, "sales "), _endpoint(4, "Sales", sandbox="prod")],
        [_endpoint(5, "Sales", spec="other"), _endpoint(6, "Stock"), _endpoint(7, "STOCK")],
        [_endpoint(8, "Orders", key="k"), _endpoint(9, "Other", key="dev/mysql/Stock")],
        [_endpoint(10, "More", key="K"), _endpoint(11, "Last", key="k"), _endpoint(12, "orders", key="k")],
        [],
    ]
    with Duplicates(hashed) as those:
        found = [those.find(batch) for batch in batches]
    assert found == [
        {1: (Earlier(is_key=False, file="a.csv", row=2),)},
        {2: (Earlier(is_key=False, file="a.csv", row=6),)},
        {1: (Earlier(is_key=True, file="a.csv", row=6),)},
        {
            1: (Earlier(is_key=True, file="a.csv", row=8),),
            2: (Earlier(is_key=False, file="a.csv", row=8), Earlier(is_key=True, file="a.csv", row=8)),
        },
        {},
    ]


def test_find_of_custom_rows_of_two_specs_sees_that_one_key_stands_for_both() -> None:
    """Their names do not collide in the sandbox; their default keys, which name no spec, do."""
    rows = [_endpoint(row, "a", spec=spec, source="custom") for row, spec in ((2, "s"), (3, "t"))]
    with Duplicates() as those:
        found = [those.find([row]) for row in (_endpoint(1, "a", spec="m"), *rows)]
    assert found == [{}, {}, {0: (Earlier(is_key=True, file="a.csv", row=2),)}]


def test_find_of_a_first_key_late_looks_back() -> None:
    """Keys begin to count when one is given; the rows before it are looked up then."""
    with Duplicates() as those:
        assert those.find([_endpoint(row, f"db {row}") for row in range(5000)]) == {}
        assert those.find([_endpoint(5000, "x", key="k"), _endpoint(5001, "y", key="dev/mysql/db 4321")]) == {
            1: (Earlier(is_key=True, file="a.csv", row=4321),)
        }


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "A", "b", "c/d", "d"]),
            st.sampled_from([None, None, "k", "dev/mysql/a", "dev/mysql/b"]),
        )
    ),
    st.integers(1, 4),
    st.sampled_from(list(_HASHES.values())),
)
def test_find_of_any_rows_agrees_with_sets(
    rows: list[tuple[str, str | None]], size: int, hashed: Callable[[str], int]
) -> None:
    """A row is found if and only if its key or loose name was there before, however rows are grouped."""
    endpoints = [_endpoint(number, name, key=key) for number, (name, key) in enumerate(rows)]
    expected, seen = set(), set[str]()
    for endpoint in endpoints:
        claims = {f"key {endpoint.key}", f"name {endpoint.loose_name}"}
        if claims & seen:
            expected.add(endpoint.row)
        seen |= claims
    found = set()
    with Duplicates(hashed) as those:
        for start in range(0, len(endpoints), size):
            repeats = those.find(endpoints[start : start + size])
            for index, earlier in repeats.items():
                assert all(one.row < start + index for one in earlier)
                found.add(start + index)
    assert found == expected


def test_find_of_a_repeat_after_many_rows_names_the_first_one() -> None:
    """Rows of two files that were new when they came are known when one is repeated, and later ones too."""
    rows = [_endpoint(row, f"db {row}", sandbox="dev-\u00e9") for row in range(2500)]
    rows += [_endpoint(row, f"other {row}")._replace(file="b\n.csv") for row in range(2500)]
    later = [_endpoint(1, "new")._replace(file="c.csv"), _endpoint(2, "DB 2400", sandbox="dev-\u00e9")]
    with Duplicates() as those:
        assert those.find(rows) == {}
        assert those.find(later) == {1: (Earlier(is_key=False, file="a.csv", row=2400),)}
        assert those.find([_endpoint(3, "OTHER 7"), _endpoint(4, "NEW")]) == {
            0: (Earlier(is_key=False, file="b\n.csv", row=7),),
            1: (Earlier(is_key=False, file="c.csv", row=1),),
        }
        assert those.find([_endpoint(5, "x", key="dev/mysql/other 8")]) == {
            0: (Earlier(is_key=True, file="b\n.csv", row=8),)
        }


@pytest.mark.parametrize("refused", ["when it is made", "when rows are written", "when one is repeated"])
def test_find_on_a_full_disk_raises(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy says where temporary files lie."""

    def full(*_: object, **__: object) -> NoReturn:
        if refused == "when one is repeated":
            raise sqlite3.OperationalError("database or disk is full")
        raise OSError(28, "disk is full")

    def find() -> None:
        with Duplicates() as those:
            if refused == "when rows are written":
                those._said.close()
                monkeypatch.setattr(those, "_said", SimpleNamespace(writelines=full, close=int))
            those.find([_endpoint(1, "a")])
            those.find([_endpoint(2, "a")])

    monkeypatch.setattr(sqlite3, "connect", full)
    if refused == "when it is made":
        monkeypatch.setattr(duplicates, "TemporaryFile", full)
    with pytest.raises(UsageError, match="disk is full") as raised:
        find()
    assert "TMPDIR" in raised.value.fix
