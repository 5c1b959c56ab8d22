"""The report's JSON is a contract with scripts, and so are the exit codes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.report import (
    COUNT_NAMES,
    Report,
    Stop,
    Tally,
    ThisRun,
    run_exit_code,
    settle_exit_code,
)

STOP = Stop("the token was refused", Scope.RUN, "give a new one")


def test_report_as_json_has_the_documented_keys_in_order() -> None:
    """Every documented key is there, in its documented place, with its documented meaning."""
    report = Report(
        run_id="r1",
        ledger="eu.ledger.db",
        counts={"created": 3, "pending": 2},
        this_run=ThisRun(created=3, adopted=1, settled=2, skipped=4, posts=5, lookups=6, throttled=7),
        duration_s=1.23456,
        exit_code=ExitCode.STOPPED,
        diagnostics=[Diagnostic(Severity.WARNING, "eu.csv", "is empty", "fill it")],
        stopped=STOP,
    )
    shown = json.loads(json.dumps(report.as_json()))
    assert list(shown.items()) == [
        ("run_id", "r1"),
        ("ledger", "eu.ledger.db"),
        ("rows", 5),
        ("counts", shown["counts"]),
        ("this_run", shown["this_run"]),
        ("diagnostics", shown["diagnostics"]),
        ("stopped", {"reason": "the token was refused", "scope": "run", "fix": "give a new one"}),
        ("duration_s", 1.235),
        ("exit_code", 4),
    ]
    assert list(shown["counts"].items()) == [
        ("created", 3),
        ("adopted", 0),
        ("failed", 0),
        ("held", 0),
        ("in_doubt", 0),
        ("pending", 2),
        ("changed", 0),
        ("invalid", 0),
    ]
    assert list(shown["this_run"].items()) == [
        ("created", 3),
        ("adopted", 1),
        ("settled", 2),
        ("skipped", 4),
        ("posts", 5),
        ("lookups", 6),
        ("throttled", 7),
    ]
    assert [one["message"] for one in shown["diagnostics"]] == ["is empty"]
    assert list(shown["stopped"]) == ["reason", "scope", "fix"]


def test_report_counts_deleted_rows_last_and_only_where_there_are_some() -> None:
    """The keys that scripts know stay as they are until somebody rolls back."""
    shown = Report(
        None, None, {"deleted": 2, "created": 1}, ThisRun(), 0.0, ExitCode.ROWS_UNFINISHED
    ).as_json()
    assert shown["rows"] == 3
    assert list(shown["counts"]) == [*COUNT_NAMES, "deleted"]
    assert shown["counts"]["deleted"] == 2
    none = Report(None, None, {"deleted": 0, "created": 1}, ThisRun(), 0.0, ExitCode.OK).as_json()
    assert list(none["counts"]) == list(COUNT_NAMES)


def test_report_without_a_run_says_null() -> None:
    """What there is not is null or empty, never missing."""
    shown = Report(None, None, {}, ThisRun(), 0.0, ExitCode.OK).as_json()
    assert (shown["run_id"], shown["ledger"], shown["stopped"]) == (None, None, None)
    assert (shown["rows"], shown["diagnostics"]) == (0, [])


EXITS: dict[str, tuple[dict[str, int], Stop | None, int]] = {
    "nothing": ({}, None, 0),
    "all-created-or-adopted": ({"created": 2, "adopted": 1}, None, 0),
    "failed": ({"created": 2, "failed": 1}, None, 1),
    "held": ({"held": 1}, None, 1),
    "in-doubt": ({"in_doubt": 1}, None, 1),
    "changed": ({"changed": 1}, None, 1),
    "invalid": ({"invalid": 1}, None, 1),
    "rolled-back-and-not-asked-for-again": ({"created": 2, "deleted": 1}, None, 1),
    "pending": ({"created": 2, "pending": 1}, None, 4),
    "pending-weighs-more-than-failed": ({"failed": 5, "pending": 1}, None, 4),
    "stopped": ({"in_doubt": 1}, STOP, 4),
    "zeros": (dict.fromkeys(COUNT_NAMES, 0), None, 0),
}


@pytest.mark.parametrize(("counts", "stopped", "code"), EXITS.values(), ids=EXITS.keys())
def test_exit_code_follows_from_the_counts(counts: dict[str, int], stopped: Stop | None, code: int) -> None:
    """0 all done, 1 tried in vain, 4 something is left for a reason that is not the rows'."""
    assert run_exit_code(counts, stopped=stopped) == code


@pytest.mark.parametrize(
    ("counts", "stopped", "code"),
    [
        ({}, None, 0),
        ({"created": 1, "failed": 1, "held": 1, "pending": 1}, None, 0),
        ({"in_doubt": 1}, None, 1),
        ({}, STOP, 4),
        ({"in_doubt": 1}, STOP, 4),
    ],
    ids=["nothing", "others-unfinished", "in-doubt", "stopped", "stopped-in-doubt"],
)
def test_exit_code_of_settle_asks_for_doubts_alone(
    counts: dict[str, int], stopped: Stop | None, code: int
) -> None:
    """0 when nothing is in doubt, whatever else is unfinished; 4 when it could not look to the end."""
    assert settle_exit_code(counts, stopped=stopped) == code


def test_tally_counts_what_is_on_its_way_as_in_doubt() -> None:
    """The documented counts know no `sending`."""
    tally = Tally({"sending": 2, "in_doubt": 1, "created": 4})
    assert tally.counts == dict.fromkeys(COUNT_NAMES, 0) | {"in_doubt": 3, "created": 4}
    assert list(tally.counts) == list(COUNT_NAMES)
    assert tally.rows == 7


def test_tally_gives_a_copy_of_its_counts() -> None:
    """Nobody counts behind its back."""
    tally = Tally()
    tally.counts["created"] = 9
    assert tally.rows == 0


def test_tally_refuses_an_unknown_place() -> None:
    """A misspelt state is a defect, not a new count."""
    with pytest.raises(KeyError):
        Tally().add("cretaed")


@given(
    st.lists(st.tuples(st.sampled_from(COUNT_NAMES), st.integers(0, 5))),
    st.lists(st.tuples(st.sampled_from(COUNT_NAMES), st.sampled_from(COUNT_NAMES))),
)
def test_tally_moves_never_change_the_number_of_rows(
    added: list[tuple[str, int]], moves: list[tuple[str, str]]
) -> None:
    """Counts add up to the rows that were counted in, whatever moves."""
    tally = Tally()
    for name, rows in added:
        tally.add(name, rows)
    for source, target in moves:
        tally.move(source, target)
    assert tally.rows == sum(rows for _, rows in added)
