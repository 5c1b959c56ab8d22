"""The report of a verification is a contract with scripts, and so is its exit code."""

from __future__ import annotations

import json

import pytest

from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Stop
from bulkconn.core.verification import REMEDIES, Verdict
from bulkconn.core.verify_report import CauseGroup, VerifyReport, verify_exit_code

STOP = Stop("the token was refused", Scope.RUN, "give a new one")


def test_verify_report_as_json_has_the_documented_keys_in_order() -> None:
    """Every verdict has its count, and rows add up."""
    group = CauseGroup(Verdict.CHANGED, "changed_name", 2, "k: it is called x now")
    report = VerifyReport(
        "r1",
        "eu.ledger.db",
        {Verdict.OK: 3, Verdict.CHANGED: 2},
        1,
        [group],
        12,
        1.23456,
        ExitCode.STOPPED,
        STOP,
    )
    assert list(json.loads(json.dumps(report.as_json())).items()) == [
        ("run_id", "r1"),
        ("ledger", "eu.ledger.db"),
        ("rows", 6),
        ("counts", {"ok": 3, "unreachable": 0, "missing": 0, "changed": 2}),
        ("unknown", 1),
        ("verified_before", 0),
        (
            "groups",
            [
                {
                    "verdict": "changed",
                    "code": "changed_name",
                    "rows": 2,
                    "example": "k: it is called x now",
                    "fix": REMEDIES[Verdict.CHANGED],
                }
            ],
        ),
        ("lookups", 12),
        ("stopped", {"reason": "the token was refused", "scope": "run", "fix": "give a new one"}),
        ("duration_s", 1.235),
        ("exit_code", 4),
    ]
    assert VerifyReport(None, None, {}, 0, (), 0, 0.0, ExitCode.OK).as_json()["stopped"] is None


@pytest.mark.parametrize(
    ("counts", "unknown", "stopped", "code"),
    [
        ({Verdict.OK: 3}, 0, None, ExitCode.OK),
        ({}, 0, None, ExitCode.OK),
        ({Verdict.OK: 3}, 1, None, ExitCode.ROWS_UNFINISHED),
        ({Verdict.OK: 3, Verdict.MISSING: 1}, 0, None, ExitCode.ROWS_UNFINISHED),
        ({Verdict.OK: 3}, 0, STOP, ExitCode.STOPPED),
    ],
)
def test_verify_exit_code_is_0_only_where_every_connection_is_well(
    counts: dict[Verdict, int], unknown: int, stopped: Stop | None, code: ExitCode
) -> None:
    """What is not known is not well."""
    assert verify_exit_code(counts, unknown, stopped=stopped) is code
