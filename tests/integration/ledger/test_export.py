"""What the ledger gives out: columns by contract, then the inventory's own, in the inventory's order."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkconn.core.errors import LedgerError, UsageError
from bulkconn.core.lifecycle import State
from bulkconn.ledger.export import EXPORT_COLUMNS, iter_export, read_columns
from bulkconn.ledger.opening import open_read_only
from tests.integration.ledger.building import created, endpoint, fill, intent, move, open_ledger, seen

CONTRACT = (
    "key,name,source,platform_cloud,sandbox,auth,state,connection_id,etag,attempts,error_code,"
    "error_message,request_id,inventory_file,inventory_row,updated_at"
)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give the path of a ledger with three rows of two inventories, entered out of order."""
    path = tmp_path / "e.ledger.db"
    ledger = await open_ledger(path)
    late = endpoint("late", file="b.csv", row=2, cells={"host": "h", "state": "x"})
    second = endpoint("second", file="a.csv", row=10, cells={"x_owner": "Zo\u00eb", "server": "s"})
    first = endpoint("first", file="a.csv", row=9, cells={"server": "s"})
    await fill(ledger, late, second, first)
    await ledger.commit([intent(first), created(first)])
    await ledger.commit(
        [move(second, State.FAILED, 3, error_code="1100", error_message="no, \u201cno\u201d")]
    )
    await ledger.close()
    return path


def open_files(path: Path) -> list[str]:
    """Give this process's open files of a ledger, or skip where the system does not tell."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("only Linux lists a process's open files here")
    targets = [str(one.readlink()) for one in descriptors.iterdir() if one.is_symlink()]
    return [target for target in targets if target.startswith(str(path))]


def test_export_columns_are_those_of_the_contract() -> None:
    """Scripts rest on these names in this order."""
    assert ",".join(EXPORT_COLUMNS) == CONTRACT


def test_export_of_all_rows_follows_the_inventories(path: Path) -> None:
    """Rows come by inventory file and row, whatever order they entered in."""
    rows = list(iter_export(path))
    assert [row.as_mapping()["name"] for row in rows] == ["first", "second", "late"]
    assert rows[0].as_mapping() == {
        "key": "prod/postgresql/first",
        "name": "first",
        "source": "postgresql",
        "platform_cloud": "azure",
        "sandbox": "prod",
        "auth": "basic",
        "state": "created",
        "connection_id": "id-first",
        "etag": '"e1"',
        "attempts": 1,
        "error_code": None,
        "error_message": None,
        "request_id": "req-1",
        "inventory_file": "a.csv",
        "inventory_row": 9,
        "updated_at": "2026-03-01T12:00:02.250001+00:00",
        "server": "s",
    }


def test_export_of_some_states_gives_only_those(path: Path) -> None:
    """`--state` may be given several times."""
    states = [State.FAILED, State.PENDING]
    rows = [row.as_mapping() for row in iter_export(path, states)]
    assert [(row["name"], row["state"]) for row in rows] == [("second", "failed"), ("late", "pending")]
    assert rows[0]["error_message"] == "no, \u201cno\u201d"
    assert read_columns(path, [State.CREATED]) == (*EXPORT_COLUMNS, "server")


def test_columns_of_an_export_are_all_that_any_row_has(path: Path) -> None:
    """Own columns come after the documented ones, each once, and never hide one of those."""
    assert read_columns(path) == (*EXPORT_COLUMNS, "host", "x_owner", "server")
    late = list(iter_export(path))[-1].as_mapping()
    assert (late["state"], late["host"]) == ("pending", "h")


async def test_export_beside_a_run_shows_one_moment(path: Path) -> None:
    """Within a snapshot columns and rows belong together, whatever a run writes meanwhile."""
    ledger = await open_ledger(path)
    with open_read_only(path) as store, store.snapshot():
        columns = read_columns(store)
        await ledger.commit([seen(endpoint("new", cells={"x_new": "1"}))])
        assert len(list(iter_export(store))) == 3
        assert "x_new" not in columns
    await ledger.close()
    assert len(list(iter_export(path))) == 4


def test_export_given_up_halfway_closes_the_file(path: Path) -> None:
    """A reader that stops early holds nothing open."""
    rows = iter_export(path)
    next(rows)
    assert open_files(path)
    rows.close()
    assert not open_files(path)


def test_export_without_a_ledger_says_so(tmp_path: Path) -> None:
    """Nothing is made where there is nothing to read."""
    with pytest.raises(UsageError, match="no ledger at"):
        list(iter_export(tmp_path / "none.ledger.db"))


def test_export_of_a_damaged_ledger_gives_what_can_be_read_and_then_says_so(path: Path) -> None:
    """Rows before the damage are given: they may be the only copy of their ids."""
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)
    with pytest.raises(LedgerError, match="damaged") as refused:
        list(iter_export(path))
    assert "keep the file" in refused.value.fix
