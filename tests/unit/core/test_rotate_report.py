"""The report of a rotation is a contract with scripts, and so is its exit code."""

from __future__ import annotations

import json

import pytest

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Stop
from bulkconn.core.rotate_report import ROTATE_COUNTS, RotateGroup, RotateReport, rotate_exit_code
from bulkconn.core.verification import Verdict
from bulkconn.core.verify_report import VerifyReport

STOP = Stop("the token was refused", Scope.RUN, "give a new one")
WELL = VerifyReport("r1", "l", {Verdict.OK: 1}, 0, (), 2, 1.0, ExitCode.OK)
ILL = VerifyReport("r1", "l", {Verdict.MISSING: 1}, 0, (), 2, 1.0, ExitCode.ROWS_UNFINISHED)


def test_rotate_report_as_json_has_the_documented_keys_in_order() -> None:
    """Every count is there, and rows add up."""
    report = RotateReport(
        "r1",
        "eu.ledger.db",
        {"rotated": 3, "failed": 1},
        1.23456,
        ExitCode.STOPPED,
        patches=5,
        lookups=2,
        skipped=1,
        throttled=4,
        groups=[RotateGroup("stale", 1, "k: m")],
        diagnostics=[Diagnostic(Severity.WARNING, "eu.csv", "left", "run")],
        stopped=STOP,
        verification=WELL,
    )
    value = json.loads(json.dumps(report.as_json()))
    assert list(value.items()) == [
        ("run_id", "r1"),
        ("ledger", "eu.ledger.db"),
        ("rows", 4),
        ("counts", dict.fromkeys(ROTATE_COUNTS, 0) | {"rotated": 3, "failed": 1}),
        ("this_run", {"patches": 5, "lookups": 2, "skipped": 1, "throttled": 4}),
        ("groups", [{"code": "stale", "rows": 1, "example": "k: m", "fix": value["groups"][0]["fix"]}]),
        (
            "verification",
            {
                "rows": 1,
                "counts": {"ok": 1, "unreachable": 0, "missing": 0, "changed": 0},
                "unknown": 0,
                "groups": [],
            },
        ),
        ("diagnostics", value["diagnostics"]),
        ("stopped", {"reason": "the token was refused", "scope": "run", "fix": "give a new one"}),
        ("duration_s", 1.235),
        ("exit_code", 4),
    ]
    bare = RotateReport(None, None, {}, 0.0, ExitCode.OK).as_json()
    assert (bare["verification"], bare["stopped"], bare["diagnostics"]) == (None, None, [])


@pytest.mark.parametrize("code", ["stale", "gone", "no_answer", "1312-400", "http-502", ""])
def test_every_cause_has_a_remedy(code: str) -> None:
    """Nobody is told of a failure without what to do."""
    assert RotateGroup(code, 1, "k: m").fix


@pytest.mark.parametrize(
    ("counts", "verification", "stopped", "code"),
    [
        ({"rotated": 3}, None, None, ExitCode.OK),
        ({"rotated": 3}, WELL, None, ExitCode.OK),
        ({"rotated": 3}, ILL, None, ExitCode.ROWS_UNFINISHED),
        ({"rotated": 3, "left": 1}, None, None, ExitCode.ROWS_UNFINISHED),
        ({"rotated": 3, "refused": 1}, WELL, None, ExitCode.ROWS_UNFINISHED),
        ({"rotated": 3, "pending": 1}, None, None, ExitCode.STOPPED),
        ({"rotated": 3}, None, STOP, ExitCode.STOPPED),
    ],
)
def test_rotate_exit_code_is_0_only_where_every_row_is_rotated_and_well(
    counts: dict[str, int], verification: VerifyReport | None, stopped: Stop | None, code: ExitCode
) -> None:
    """What stays pending weighs most: the same command mends it."""
    assert rotate_exit_code(counts, verification, stopped=stopped) is code
