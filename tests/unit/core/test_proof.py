"""The proof: what contradicts the promise is counted, whatever it is, and nothing else is."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from bulkconn.core.errors import ExitCode
from bulkconn.core.forecast import forecast
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey
from bulkconn.core.proof import (
    Audit,
    Existing,
    Proof,
    Rehearsal,
    Requests,
    Trial,
    Verdict,
    rehearsal_exit_code,
)
from bulkconn.core.record import LedgerRecord, Provenance
from bulkconn.core.rehearsal import Level
from bulkconn.core.report import Report, ThisRun
from bulkconn.core.settings import PaceSettings
from bulkconn.core.source import PlatformCloud

OURS = Existing("id-1", "dev", "Orders", "spec-1")
PROVEN = Proof(rows=3, created=3, connections=3, duplicates=0, lost=0, invented=0, sent_again=0)


def record(**changes: Any) -> LedgerRecord:
    """Give the row of `OURS`, with changes."""
    known: dict[str, Any] = {
        "key": EndpointKey("dev/postgres/Orders"),
        "name": "Orders",
        "source": "postgres",
        "platform_cloud": PlatformCloud.AZURE,
        "sandbox": "dev",
        "auth": "basic",
        "connection_spec_id": "spec-1",
        "fingerprint": "f",
        "state": State.CREATED,
        "inventory_file": "a.csv",
        "inventory_row": 2,
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
        "connection_id": ConnectionId("id-1"),
        "provenance": Provenance.REPLY,
    }
    return LedgerRecord(**(known | changes))


@pytest.mark.parametrize(
    ("holder", "namesake", "counted", "words"),
    [
        (record(), None, {"matched": 1}, None),
        (record(provenance=Provenance.LOOKUP), None, {"matched": 1, "settled": 1}, None),
        (record(name="Other"), None, {"strayed": 1}, "id-1 is Orders, but row dev/postgres/Orders holds it"),
        (record(sandbox="prod"), None, {"strayed": 1}, "holds it"),
        (record(connection_spec_id="spec-2"), None, {"strayed": 1}, "holds it"),
        (
            None,
            record(other_ids=("id-1",)),
            {"twins": 1},
            "id-1 (Orders) is in question at row dev/postgres/Orders",
        ),
        (None, record(connection_id="id-0"), {"lost": 1}, "id-1 (Orders) is in no row of the ledger"),
        (None, None, {"lost": 1}, "in no row"),
    ],
    ids=["ours", "settled", "name", "sandbox", "spec", "twin", "lost-beside-its-row", "lost"],
)
def test_audit_sorts_a_connection_by_who_holds_its_id(
    holder: LedgerRecord | None, namesake: LedgerRecord | None, counted: dict[str, int], words: str | None
) -> None:
    """Held by its own row: well. Anything else contradicts the promise, and is shown."""
    audit = Audit()
    audit.compare(OURS, holder, namesake)
    figures = dataclasses.asdict(audit)
    examples = figures.pop("examples")
    assert {name: figure for name, figure in figures.items() if figure} == counted
    assert len(examples) == (words is not None)
    assert all(words is not None and words in one for one in examples)


def test_audit_shows_few_contradictions_and_counts_all() -> None:
    """A ledger that was lost altogether does not fill the screen."""
    audit = Audit()
    for number in range(100):
        audit.compare(Existing(f"id-{number}", "dev", "a", "s"), None, None)
    assert audit.lost == 100
    assert len(audit.examples) == 5


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.PROVEN),
        ({"created": 2, "connections": 2}, Verdict.UNFINISHED),
        ({"connections": 2}, Verdict.UNFINISHED),
        ({"duplicates": 1, "connections": 4}, Verdict.BROKEN),
        ({"lost": 1}, Verdict.BROKEN),
        ({"invented": 1}, Verdict.BROKEN),
        ({"sent_again": 1}, Verdict.BROKEN),
        ({"sent_again": 1, "created": 0}, Verdict.BROKEN),
    ],
)
def test_verdict_is_proven_only_where_everything_fits(changes: dict[str, Any], verdict: Verdict) -> None:
    """Rows that did not finish are one thing, a broken promise is another, and weighs more."""
    proof = dataclasses.replace(PROVEN, **changes)
    assert proof.verdict is verdict
    is_proven = verdict is Verdict.PROVEN
    assert rehearsal_exit_code(proof, invalid=0) is (ExitCode.OK if is_proven else ExitCode.ROWS_UNFINISHED)


def test_exit_code_of_a_proof_without_invalid_rows_is_1() -> None:
    """Rows that were left out would leave the real run unfinished too."""
    assert rehearsal_exit_code(PROVEN, invalid=1) is ExitCode.ROWS_UNFINISHED


def test_requests_a_row_and_throttled_share_of_nothing_are_zero() -> None:
    """No row and no request is no division by zero."""
    none = Requests(0, 0, 0, 0)
    assert (none.per_row(0), none.throttled_share) == (0.0, 0.0)
    some = Requests(posts=6, lookups=4, tokens=1, throttled=1)
    assert (some.per_row(5), some.throttled_share) == (2.0, 0.1)


def test_rehearsal_as_json_is_a_report_and_one_key_more() -> None:
    """What reads the JSON of a run reads that of a rehearsal."""
    report = Report("r1", None, {"created": 3}, ThisRun(created=3), 1.0, ExitCode.OK)
    trial = Trial(Level.MILD, 7, None, {"slow": 2}, kills=2, restarts=3, requests=Requests(4, 2, 1, 1))
    ahead = forecast({"dev": 3}, PaceSettings(), requests_per_row=2, wait_s=0)
    shown = Rehearsal(report, trial, PROVEN, ahead).as_json()
    rehearsal = shown.pop("rehearsal")
    assert shown == report.as_json()
    assert list(rehearsal.items()) == [
        ("faults", "mild"),
        ("seed", 7),
        ("emulator", None),
        ("proof", PROVEN.as_json()),
        ("faults_met", {"slow": 2}),
        ("kills", 2),
        ("restarts", 3),
        ("requests", {"posts": 4, "lookups": 2, "tokens": 1, "throttled": 1, "per_row": 2.0}),
        ("forecast", ahead.as_json()),
    ]
    assert list(rehearsal["proof"]) == [
        *("verdict", "connections", "duplicates", "lost", "invented", "sent_again", "examples"),
    ]
