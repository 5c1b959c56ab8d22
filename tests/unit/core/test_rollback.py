"""A rollback deletes what this ledger certainly created, and leaves everything else alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bulkconn.core.errors import ExitCode
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey
from bulkconn.core.outcome import Scope
from bulkconn.core.record import LedgerRecord, Provenance
from bulkconn.core.report import Stop, ThisRun
from bulkconn.core.rollback import Delete, KeptRow, Spare, Spared, decide_rollback, rollback_exit_code
from bulkconn.core.rollback_report import RollbackReport
from bulkconn.core.source import PlatformCloud

KEY = EndpointKey("prod/postgresql/orders")
A, B, C = ConnectionId("a"), ConnectionId("b"), ConnectionId("c")
REPLY, LOOKUP, ADOPT = Provenance.REPLY, Provenance.LOOKUP, Provenance.ADOPT


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


DELETED: dict[str, tuple[LedgerRecord, set[ConnectionId], tuple[ConnectionId, ...]]] = {
    "created-by-a-reply": (record(State.CREATED, connection_id=A, provenance=REPLY), set(), (A,)),
    "found-after-a-doubt": (record(State.CREATED, connection_id=A, provenance=LOOKUP), set(), (A,)),
    "created-beside-strangers": (
        record(State.CREATED, connection_id=A, provenance=REPLY, other_ids=(B,)), set(), (A,)),
    "held-all-vouched": (
        record(State.HELD, connection_id=A, provenance=REPLY, other_ids=(B,)), {B}, (A, B)),
    "held-lookup-vouched-after-all": (
        record(State.HELD, connection_id=A, provenance=LOOKUP, other_ids=(B,)), {A, B}, (A, B)),
    "held-without-others": (record(State.HELD, connection_id=A, provenance=REPLY), set(), (A,)),
}  # fmt: skip


@pytest.mark.parametrize(("row", "vouched", "ids"), DELETED.values(), ids=DELETED.keys())
def test_rollback_deletes_what_is_certainly_ours(
    row: LedgerRecord, vouched: set[ConnectionId], ids: tuple[ConnectionId, ...]
) -> None:
    """A 201 of ours vouches for an id; so does a claim after a doubt, as long as no twin showed up."""
    assert decide_rollback(row, vouched, {A: KEY}) == Delete(ids)


@pytest.mark.parametrize(
    ("row", "vouched"),
    [
        (record(State.HELD, connection_id=A, provenance=REPLY, other_ids=(B,)), set()),
        (record(State.HELD, connection_id=A, provenance=LOOKUP, other_ids=(B,)), {B}),
        (record(State.HELD, other_ids=(B, C)), {B}),
    ],
    ids=["unknown-twin", "own-was-found-by-lookup", "one-of-two"],
)
def test_rollback_leaves_a_held_row_whole_unless_all_is_ours(
    row: LedgerRecord, vouched: set[ConnectionId]
) -> None:
    """Half a rollback would leave a connection under the name that nobody accounts for."""
    decision = decide_rollback(row, vouched, {})
    assert isinstance(decision, Spare)
    assert "not certainly created here" in decision.message


@pytest.mark.parametrize(
    "row",
    [
        record(State.ADOPTED, connection_id=A, provenance=ADOPT),
        record(State.CREATED, connection_id=A, provenance=ADOPT),
        record(State.CREATED, connection_id=A),
        record(State.CREATED),
        record(State.HELD, other_ids=(B,)),
        record(State.HELD, connection_id=A, provenance=LOOKUP, other_ids=(B,)),
        record(State.HELD),
        *(
            record(state, connection_id=A, provenance=REPLY)
            for state in State
            if state not in {State.CREATED, State.HELD}
        ),
    ],
    ids=repr,
)
def test_rollback_finds_nothing_of_ours(row: LedgerRecord) -> None:
    """What was adopted, what is held because of strangers, and every other state."""
    assert decide_rollback(row, (), {}) is None


def test_rollback_never_deletes_what_another_row_holds() -> None:
    """Two rows with one id contradict each other: a human must look."""
    row = record(State.CREATED, connection_id=A, provenance=REPLY)
    decision = decide_rollback(row, (), {A: EndpointKey("other")})
    assert decision == Spare("another row holds a: other")


STOP = Stop("no", Scope.RUN, "mend")


@pytest.mark.parametrize(
    ("kept", "left", "in_doubt", "stopped", "code"),
    [(0, 0, 0, None, 0), (1, 0, 0, None, 1), (0, 0, 1, None, 1), (1, 1, 0, None, 4), (0, 0, 0, STOP, 4)],
)
def test_rollback_exit_code_is_of_the_family_of_a_run(
    kept: int, left: int, in_doubt: int, stopped: Stop | None, code: int
) -> None:
    """0 all deleted, 1 something is kept or in doubt, 4 it did not come to the end."""
    assert rollback_exit_code(kept=kept, left=left, in_doubt=in_doubt, stopped=stopped) == code


def test_rollback_report_is_a_runs_and_one_key_more() -> None:
    """Scripts that read a run's value read this one."""
    kept = KeptRow(KEY, "orders", "prod", (A,), Spared.IN_USE, "in_use", "a flow")
    report = RollbackReport(
        "r",
        "l",
        {"created": 1, "deleted": 2},
        ThisRun(),
        1.0,
        ExitCode.ROWS_UNFINISHED,
        chosen=3, deleted=2, already_gone=1, kept={Spared.IN_USE: 1}, deletes=4, kept_rows=[kept],
        listed=[{"key": "k"}],
    )  # fmt: skip
    shown = report.as_json()
    assert (shown["rows"], shown["counts"]["deleted"], shown["exit_code"]) == (3, 2, 1)
    assert shown["rollback"] == {
        "dry_run": False,
        "rows": 3,
        "deleted": 2,
        "already_gone": 1,
        "kept": {"in_use": 1, "refused": 0, "not_certainly_ours": 0, "not_answered": 0},
        "left": 0,
        "in_doubt": 0,
        "requests": 4,
        "would_delete": [{"key": "k"}],
        "kept_rows": [
            {
                "key": KEY,
                "name": "orders",
                "sandbox": "prod",
                "connection_ids": ["a"],
                "why": "in_use",
                "code": "in_use",
                "message": "a flow",
            }
        ],
    }
