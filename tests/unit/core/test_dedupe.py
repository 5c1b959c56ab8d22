"""Of several connections of a name only what is certainly spare may be deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bulkconn.core.dedupe import (
    Bearer,
    DedupeReport,
    Double,
    Fate,
    count_fates,
    dedupe_exit_code,
    find_doubles,
    is_owner,
    judge_double,
    may_be_created_again,
    note_uses,
)
from bulkconn.core.errors import ExitCode
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey, LedgerId
from bulkconn.core.outcome import Scope
from bulkconn.core.record import LedgerRecord
from bulkconn.core.reply import ListedConnection
from bulkconn.core.report import Stop, ThisRun
from bulkconn.core.source import PlatformCloud

KEY = EndpointKey("prod/postgresql/orders")
A, B, C = ConnectionId("a"), ConnectionId("b"), ConnectionId("c")
LEDGER = LedgerId("L1")


def listed(connection_id: str, **more: Any) -> ListedConnection:
    """Make a connection called orders."""
    return ListedConnection(
        ConnectionId(connection_id), **({"name": "orders", "connection_spec_id": "s"} | more)
    )


def record(state: State, **more: Any) -> LedgerRecord:
    """Make what the ledger knows of the row."""
    return LedgerRecord(
        key=KEY,
        name="orders",
        source="postgresql",
        platform_cloud=PlatformCloud.AZURE,
        sandbox="prod",
        auth="basic",
        connection_spec_id="s",
        fingerprint="f",
        state=state,
        inventory_file="eu.csv",
        inventory_row=2,
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
        **more,
    )


def test_doubles_are_of_one_loose_name_and_one_spec_that_the_inventory_has() -> None:
    """Case and blanks tell no names apart; what is not certainly of this spec and sandbox is left out."""
    items = [
        listed("a"),
        listed("b", name=" Orders", sandbox="prod"),
        listed("c", connection_spec_id="other"),
        listed("d", connection_spec_id=None),
        listed("e", sandbox="dev"),
        listed("f", name="theirs"),
        listed("g", name="theirs"),
        listed("h", name="single"),
    ]
    found = find_doubles("prod", items, lambda loose, spec: (loose, spec) != ("theirs", "s"))
    assert [[one.connection_id for one in group] for group in found] == [["a", "b"]]


def test_double_with_an_owner_has_spare_ones() -> None:
    """What a row holds is never spare; what another ledger marked neither."""
    marked = listed("c", description="x [bulkconn:L2/0123]")
    ours = listed("d", description="[bulkconn:L1/0123]")
    double = judge_double("prod", [listed("a"), listed("b"), marked, ours], {A: KEY}, LEDGER)
    assert (double.sandbox, double.name, double.connection_spec_id) == ("prod", "orders", "s")
    assert [(one.fate, one.owner) for one in double.bearers] == [
        (Fate.OWNED, KEY),
        (Fate.SPARE, None),
        (Fate.FOREIGN, None),
        (Fate.SPARE, None),
    ]


def test_double_without_an_owner_has_nothing_spare() -> None:
    """Which one to keep, nobody knows."""
    double = judge_double("prod", [listed("a"), listed("b", connection_spec_id=None)], {}, LEDGER)
    assert {one.fate for one in double.bearers} == {Fate.NO_OWNER}


@pytest.mark.parametrize(
    ("sources", "flows", "fate"),
    [
        (0, 0, Fate.SPARE),
        (1, 0, Fate.IN_USE),
        (1, 2, Fate.IN_USE),
        (0, 1, Fate.IN_USE),
        (None, None, Fate.UNKNOWN),
        (1, None, Fate.UNKNOWN),
    ],
)
def test_uses_and_not_knowing_them_keep_a_connection(
    sources: int | None, flows: int | None, fate: Fate
) -> None:
    """Only a complete "nothing" leaves it spare."""
    bearer = Bearer(listed("b"), None, Fate.SPARE)
    note_uses(bearer, sources, flows)
    assert (bearer.fate, bearer.sources, bearer.flows) == (fate, sources, flows)
    assert bool(bearer.message) is (fate is not Fate.SPARE)


@pytest.mark.parametrize("state", State, ids=str)
def test_owner_is_a_row_with_a_connection_that_is_not_gone(state: State) -> None:
    """A deleted row still tells the id that it had."""
    is_one = state in {State.CREATED, State.ADOPTED, State.HELD}
    assert is_owner(record(state, connection_id=A)) is is_one
    assert not is_owner(record(state))


HELD = record(State.HELD, connection_id=A, other_ids=(B,))
AGAIN: dict[str, tuple[LedgerRecord, set[ConnectionId], bool, set[ConnectionId], bool]] = {
    "twin-deleted": (HELD, {A}, True, {B}, True),
    "not-listed-as-double": (HELD, set(), True, {B}, True),
    "own-among-others": (replace(HELD, other_ids=(A, B)), {A}, True, {B}, True),
    "twin-there": (HELD, {A, B}, True, set(), False),
    "twin-not-known": (HELD, {A}, True, set(), False),
    "a-third": (HELD, {A, C}, True, {B}, False),
    "own-not-seen": (HELD, {A}, False, {B}, False),
    "no-own": (replace(HELD, connection_id=None), set(), True, {B}, False),
    "created": (replace(HELD, state=State.CREATED), {A}, True, {B}, False),
}


@pytest.mark.parametrize(("row", "left", "is_there", "gone", "may"), AGAIN.values(), ids=AGAIN.keys())
def test_held_row_is_created_again_once_its_own_connection_is_alone(
    row: LedgerRecord, left: set[ConnectionId], is_there: bool, gone: set[ConnectionId], may: bool
) -> None:
    """Everything in question must be certainly gone, and its own certainly there."""
    assert may_be_created_again(row, left, is_there=is_there, gone=gone) is may


def doubles(*fates: Fate) -> list[Double]:
    """Make one name whose connections met these fates."""
    return [Double("prod", "orders", "s", [Bearer(listed(str(fate)), None, fate) for fate in fates])]


STOP = Stop("no", Scope.RUN, "mend")


@pytest.mark.parametrize(
    ("found", "stopped", "code"),
    [
        ([], None, 0),
        (doubles(Fate.OWNED, Fate.DELETED), None, 0),
        (doubles(Fate.OWNED, Fate.SPARE), None, 1),
        (doubles(Fate.OWNED, Fate.DELETED, Fate.IN_USE), None, 1),
        (doubles(Fate.OWNED, Fate.DELETED), STOP, 4),
    ],
    ids=["none", "resolved", "spare-left", "in-use-left", "stopped"],
)
def test_exit_code_of_dedupe_asks_whether_doubles_are_left(
    found: list[Double], stopped: Stop | None, code: int
) -> None:
    """0 only where every name has one connection."""
    assert dedupe_exit_code(found, stopped=stopped) == code


def test_dedupe_report_is_a_runs_and_one_key_more() -> None:
    """Keys are documented and always there."""
    found = doubles(Fate.OWNED, Fate.DELETED)
    report = DedupeReport(
        "r", "l", {"created": 1}, ThisRun(), 1.0, ExitCode.OK, doubles=found, settled_rows=1, deletes=2,
        fates=count_fates(found),
    )  # fmt: skip
    shown = report.as_json()["dedupe"]
    assert {name: shown[name] for name in ("dry_run", "names", "rows_created", "requests")} == {
        "dry_run": False, "names": 1, "rows_created": 1, "requests": 2,
    }  # fmt: skip
    assert list(shown["connections"]) == [fate.value for fate in Fate]
    assert (shown["connections"]["owned"], shown["connections"]["deleted"]) == (1, 1)
    assert shown["doubles"][0]["connections"][0] == {
        "connection_id": "owned",
        "name": "orders",
        "owner": None,
        "created_at_ms": None,
        "source_connections": None,
        "flows": None,
        "fate": "owned",
        "message": "",
    }
    assert (shown["doubles"][0]["sandbox"], shown["doubles"][0]["name"]) == ("prod", "orders")
