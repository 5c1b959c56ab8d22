"""The report of `check`: its JSON is a contract with scripts, and its memory is bounded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bulkconn.core import reach_report
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.reach import Answer, Cause, Depth, Result, RowReach
from bulkconn.core.reach_report import ReachReport, ReachTally
from bulkconn.core.report import Stop
from tests.unit.core.rows import basic_row, endpoint_of

if TYPE_CHECKING:
    import pytest

ENCRYPTED = Answer(Result.OK, tested=Depth.LOGIN, encrypted=True)
PLAIN = Answer(Result.OK, tested=Depth.LOGIN, encrypted=False)
REFUSED = Answer(Result.FAILED, Cause.REFUSED, "refused", "nothing listens")
WRONG = Answer(Result.FAILED, Cause.WRONG_PASSWORD, "28P01", "refused", encrypted=True)
UNKNOWN = Answer(Result.NOT_CHECKED, Cause.NO_ADDRESS, "no_host", "no host")


def tally_of(*answers: Answer, host: str = "db") -> ReachTally:
    """Count rows of one server."""
    tally = ReachTally()
    for answer in answers:
        tally.add(RowReach(endpoint_of(basic_row()), answer, host, 5432))
    return tally


def test_tally_counts_rows_causes_probes_and_encryption() -> None:
    """Only logins that succeeded count as encrypted or plain; a row without address takes no probe."""
    tally = tally_of(ENCRYPTED, ENCRYPTED, PLAIN, WRONG, REFUSED, REFUSED.again("why"), UNKNOWN)
    assert tally.rows == 7
    assert tally.counts == {Result.OK: 3, Result.FAILED: 3, Result.NOT_CHECKED: 1}
    assert tally.causes == {Cause.WRONG_PASSWORD: 1, Cause.REFUSED: 2, Cause.NO_ADDRESS: 1}
    assert (tally.encrypted, tally.plain, tally.probes) == (2, 1, 5)


def test_rows_that_fail_alike_at_one_server_are_one_group() -> None:
    """Five hundred rows on one dead host are one line; failed ones come first, large ones before small."""
    tally = tally_of(UNKNOWN, UNKNOWN, UNKNOWN, WRONG, *[REFUSED] * 2, REFUSED.again("why"))
    groups = [(one.first["cause"], one.rows, one.not_tried) for one in tally.groups]
    assert groups == [("refused", 3, 1), ("wrong_password", 1, 0), ("no_address", 3, 0)]


def test_tally_keeps_so_many_rows_and_servers_and_counts_the_rest_by_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A million failing rows do not fill the memory."""
    monkeypatch.setattr(reach_report, "KEPT_GROUPS", 2)
    monkeypatch.setattr(reach_report, "KEPT_ROWS", 3)
    tally = ReachTally()
    for number in range(5):
        tally.add(RowReach(endpoint_of(basic_row()), REFUSED, f"db{number}", 5432))
    tally.add(RowReach(endpoint_of(basic_row()), REFUSED, "db0", 5432))
    tally.add(RowReach(endpoint_of(basic_row()), WRONG, "db9", 5432))
    assert len(tally.kept) == 3
    groups = [(one.first["cause"], one.first["host"], one.rows) for one in tally.groups]
    assert groups == [
        ("refused", None, 3),
        ("refused", "db0", 2),
        ("refused", "db1", 1),
        ("wrong_password", None, 1),
    ]
    assert tally.counts[Result.FAILED] == 7


def test_report_as_json_has_the_documented_keys_in_order() -> None:
    """Counts add up to all rows: those that were not come to are not checked."""
    report = ReachReport(
        tally_of(ENCRYPTED, REFUSED),
        1.23456,
        ExitCode.INTERRUPTED,
        invalid=2,
        left=3,
        diagnostics=[Diagnostic(Severity.WARNING, "eu.csv", "is odd", "look")],
        stopped=Stop("interrupted", Scope.RUN, "again"),
    )
    shown = json.loads(json.dumps(report.as_json()))
    assert tuple(shown) == (
        *("rows", "counts", "causes", "probes", "logins", "groups", "not_ok", "notice"),
        *("diagnostics", "stopped", "duration_s", "exit_code"),
    )
    assert shown["counts"] == {"ok": 1, "failed": 1, "not_checked": 3, "invalid": 2}
    assert shown["rows"] == sum(shown["counts"].values()) == 7
    assert list(shown["causes"]) == [cause.value for cause in Cause]
    assert shown["causes"]["refused"] == 1
    assert shown["logins"] == {"encrypted": 1, "plain": 0}
    (group,) = shown["groups"]
    assert tuple(group) == (
        *("result", "cause", "code", "host", "port", "message", "fix", "rows", "not_tried", "example"),
    )
    assert tuple(group["example"]) == ("key", "inventory_file", "inventory_row")
    assert [row["result"] for row in shown["not_ok"]] == ["failed"]
    assert "not from Adobe's network" in shown["notice"]
    assert "ip-address-allow-list" in shown["notice"]
    assert (shown["duration_s"], shown["exit_code"]) == (1.235, 130)
    assert shown["stopped"] == {"reason": "interrupted", "scope": "run", "fix": "again"}


def test_report_that_was_not_stopped_says_null() -> None:
    """The key is always there."""
    assert ReachReport(ReachTally(), 0.0, ExitCode.OK).as_json()["stopped"] is None
