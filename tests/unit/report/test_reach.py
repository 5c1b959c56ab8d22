"""The text that ends a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core import reach_report
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.reach import Answer, Cause, Depth, Result, RowReach
from bulkconn.core.reach_report import ReachReport, ReachTally
from bulkconn.core.report import Stop
from bulkconn.report.reach import SHOWN_SERVERS, render_reach
from tests.unit.core.rows import basic_row, endpoint_of

if TYPE_CHECKING:
    import pytest

_GOOD = Answer(Result.OK, tested=Depth.LOGIN, encrypted=True)
_PLAIN = Answer(Result.OK, tested=Depth.LOGIN, encrypted=False)
_DEAD = Answer(Result.FAILED, Cause.TIMEOUT, "no_connection", "no connection came about in time")
_UNKNOWN = Answer(Result.NOT_CHECKED, Cause.NO_ADDRESS, "no_port", "the row names no port")


def tally_of(*rows: tuple[Answer, str | None]) -> ReachTally:
    """Count rows in, each with its host."""
    tally = ReachTally()
    for answer, host in rows:
        tally.add(RowReach(endpoint_of(basic_row()), answer, host, None if host is None else 5432))
    return tally


def test_check_in_which_all_is_well_still_says_what_it_does_not_prove() -> None:
    """A green check invites to forget where it was made."""
    text = render_reach(ReachReport(tally_of((_GOOD, "db"), (_PLAIN, "db")), 0.4, ExitCode.OK))
    assert text.startswith("check: 2 rows in 0.4 s; nothing was sent to Experience Platform\n  ok  2\n")
    assert "logins: 1 with TLS, 1 without encryption" in text
    assert "This was tested from this machine, not from Adobe's network" in text
    assert "/sources/ip-address-allow-list" in text


def test_rows_on_one_dead_host_are_one_line_with_one_remedy() -> None:
    """What, where, an example, and what to do."""
    dead = [(_DEAD, "db.example.com"), *[(_DEAD.again("like ones failed"), "db.example.com")] * 3]
    text = render_reach(ReachReport(tally_of(*dead, (_UNKNOWN, None)), 12.0, ExitCode.ROWS_UNFINISHED))
    assert (
        "4 rows failed: timeout\n"
        "  no connection came about in time [no_connection]\n"
        "    4 rows at db.example.com:5432, 3 of them not tried, such as one (a.csv:7)\n"
        "  fix: let this machine's address in" in text
    )
    assert (
        "1 row not checked: no address\n"
        "  the row names no port [no_port]\n"
        "    1 row, such as one (a.csv:7)\n" in text
    )
    assert "logins:" not in text


def test_servers_that_fail_alike_share_one_remedy_and_those_beyond_ten_are_counted() -> None:
    """A cause is told once, however many servers it meets; a file has all of them."""
    tally = tally_of(*[(_DEAD, f"db{number}") for number in range(SHOWN_SERVERS + 5)])
    text = render_reach(ReachReport(tally, 1.0, ExitCode.ROWS_UNFINISHED))
    assert text.count("no connection came about in time") == text.count("  fix: ") == 1
    assert text.count("    1 row at ") == SHOWN_SERVERS
    assert "    ... and 5 servers more with 5 rows; -o FILE writes every row" in text


def test_rows_beyond_what_is_kept_are_counted_with_their_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """They share a line without a server, and the total of the cause is right."""
    monkeypatch.setattr(reach_report, "KEPT_GROUPS", 2)
    tally = tally_of(*[(_DEAD, f"db{number}") for number in range(5)])
    text = render_reach(ReachReport(tally, 1.0, ExitCode.ROWS_UNFINISHED))
    assert "5 rows failed: timeout\n" in text
    assert "    3 rows, such as one (a.csv:7)\n" in text


def test_host_and_name_cannot_steer_the_terminal() -> None:
    """What a file holds is shown as text."""
    tally = ReachTally()
    tally.add(RowReach(endpoint_of(basic_row(name="a\u202eb")), _DEAD, "db\x1b[2J", 1))
    text = render_reach(ReachReport(tally, 1.0, ExitCode.ROWS_UNFINISHED))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_check_that_was_stopped_says_so() -> None:
    """Rows that were not come to are counted as not checked."""
    report = ReachReport(
        tally_of((_GOOD, "db")),
        1.0,
        ExitCode.INTERRUPTED,
        left=41,
        stopped=Stop("interrupted", Scope.RUN, "go"),
    )
    text = render_reach(report)
    assert "check: 42 rows" in text
    assert "not checked  41" in text
    assert "stopped: interrupted\n  fix: go" in text
