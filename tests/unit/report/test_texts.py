"""Reports as text: what users see, to the letter."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode
from bulkconn.core.lifecycle import State
from bulkconn.core.outcome import Scope
from bulkconn.core.record import ErrorGroup
from bulkconn.core.report import Report, Stop, ThisRun
from bulkconn.report.diagnostics import render_diagnostic, render_diagnostics
from bulkconn.report.planning import render_plan
from bulkconn.report.summary import render_status, render_summary
from bulkconn.report.words import columns, duration, plural, table

PORT = Diagnostic(
    Severity.ERROR,
    "inventories/eu.csv",
    "port is not a number",
    "correct the cell, then run the same command",
    row=17,
    column="port",
    found="54x2",
    allowed="1-65535",
)
REPORT = Report(
    run_id="20261120-221530-ab12cd",
    ledger="eu.ledger.db",
    counts={"created": 58, "held": 2},
    this_run=ThisRun(created=58, posts=58, lookups=3),
    duration_s=6.24,
    exit_code=ExitCode.ROWS_UNFINISHED,
    groups=(ErrorGroup(State.HELD, "name_exists", 2, "the name exists already in this sandbox"),),
)


def test_diagnostic_with_everything_reads_as_documented() -> None:
    """What happened, where, what was seen and allowed, and what to do."""
    assert render_diagnostic(PORT) == (
        "error: port is not a number\n"
        "  at inventories/eu.csv:17:port\n"
        '  found "54x2"; expected 1-65535\n'
        "  fix: correct the cell, then run the same command"
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"row": None, "column": None}, "  at inventories/eu.csv\n"),
        ({"column": None}, "  at inventories/eu.csv:17\n"),
        ({"allowed": None}, '  found "54x2"\n'),
        ({"found": None}, "  expected 1-65535\n"),
        ({"severity": Severity.WARNING}, "warning: port is not a number\n"),
    ],
    ids=["file", "row", "found", "allowed", "warning"],
)
def test_diagnostic_with_less_leaves_it_out(change: dict[str, object], line: str) -> None:
    """What is not known is not shown."""
    assert line in render_diagnostic(dataclasses.replace(PORT, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "tail"), [(0, ""), (100, "command"), (101, "and 1 more"), (250, "150 more")]
)
def test_diagnostics_beyond_a_hundred_say_how_many_and_where(count: int, tail: str) -> None:
    """After the first hundred the text says how many more, and that JSON holds them."""
    text = render_diagnostics([PORT] * count)
    assert tail in text
    assert text.count("error: ") == min(count, 100)
    assert ("--output json" in text) == (count > 100)


def test_summary_of_a_run_shows_counts_groups_ledger_and_next() -> None:
    """The end of a run is all that a user needs to go on."""
    assert render_summary(REPORT, command="run") == (
        "run 20261120-221530-ab12cd: 60 rows in 6.2 s\n"
        "  created  58\n"
        "  held      2\n"
        "this run: 58 created, 0 adopted, 0 settled, 0 skipped; 58 POSTs, 3 lookups, 0 throttled\n"
        "\n"
        "2 rows held: name_exists\n"
        "  for example: the name exists already in this sandbox\n"
        "  fix: compare with the id shown; rename the row, or run with --on-existing adopt or create\n"
        "\n"
        "ledger: eu.ledger.db\n"
        "next: bulkconn export --ledger eu.ledger.db --state held -o unfinished.csv"
    )


@pytest.mark.parametrize(
    ("counts", "code", "command", "step"),
    [
        ({"created": 1}, ExitCode.OK, "run", "-o connections.csv"),
        ({"in_doubt": 1}, ExitCode.ROWS_UNFINISHED, "run", "bulkconn settle --ledger 'my ledger.db'"),
        ({"in_doubt": 1}, ExitCode.ROWS_UNFINISHED, "settle", "the same command again later"),
        ({"pending": 1}, ExitCode.STOPPED, "run", "it goes on where it was"),
        ({"pending": 1}, ExitCode.TERMINATED, "run", "it goes on where it was"),
        ({"failed": 1, "held": 1}, ExitCode.ROWS_UNFINISHED, "run", "--state failed --state held"),
    ],
)
def test_summary_with_rows_left_says_what_to_type_next(
    counts: dict[str, int], code: ExitCode, command: str, step: str
) -> None:
    """Each end has a next step, with the ledger quoted for the shell."""
    report = dataclasses.replace(REPORT, counts=counts, exit_code=code, groups=(), ledger="my ledger.db")
    (line,) = (line for line in render_summary(report, command=command).splitlines() if "next: " in line)
    assert step in line


@pytest.mark.parametrize(
    ("scope", "line"),
    [(Scope.RUN, "stopped: no token"), (Scope.SANDBOX, "stopped (this sandbox only): no token")],
)
def test_summary_of_a_stopped_run_says_why_whom_and_how_to_mend_it(scope: Scope, line: str) -> None:
    """A stop names its reason, whom it concerns, and the remedy."""
    report = dataclasses.replace(REPORT, stopped=Stop("no token", scope, "give one"))
    assert f"\n{line}\n  fix: give one\n" in render_summary(report, command="run")


def test_summary_of_a_retry_that_leaves_rows_behind_says_how_to_send_them() -> None:
    """The same command again would pass them over once more, unless it was cut short."""
    retried = dataclasses.replace(
        REPORT, counts={"created": 58, "pending": 2}, exit_code=ExitCode.STOPPED, groups=(), left_behind=2
    )
    stopped = dataclasses.replace(retried, stopped=Stop("terminated (SIGTERM)", Scope.RUN, "run it again"))
    assert render_summary(retried, command="run").splitlines()[-1] == (
        "next: the same command without --retry-failed (and --error-code): it sends what is pending"
    )
    assert render_summary(stopped, command="run").splitlines()[-1] == (
        "next: the same command again: it goes on where it was"
    )


def test_plan_of_a_retry_says_what_it_leaves_alone() -> None:
    """Pending rows are not all such that would be created."""
    report = dataclasses.replace(REPORT, run_id=None, counts={"pending": 5}, left_behind=3)
    groups = {("leave", "dev", "postgresql"): 3, ("create", "dev", "postgresql"): 2}
    assert render_plan(report, groups, rate_per_s=10.0, names_note="names: -").splitlines()[:5] == [
        "plan: 5 rows; nothing was sent",
        "  2 rows of postgresql in sandbox dev: would be created",
        "  3 rows of postgresql in sandbox dev: pending, left alone: a run without --retry-failed sends them",
        "counts (pending rows that are not left alone would be created):",
        "  pending  5",
    ]


def test_status_with_a_doubt_says_since_when() -> None:
    """The oldest doubt is dated."""
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    text = render_status(
        dataclasses.replace(REPORT, counts={"in_doubt": 3}, groups=()),
        oldest_doubt_at=now - timedelta(minutes=5),
        now=now,
    )
    assert "ledger: eu.ledger.db\nlast run: 20261120-221530-ab12cd\n3 rows\n  in doubt  3\n" in text
    assert "oldest in doubt: since 2026-11-20 11:55:00 UTC (5 min 00 s)" in text


def test_plan_of_groups_says_what_becomes_of_each_and_how_long_it_takes() -> None:
    """A plan is what would happen to each group of rows, and the least time that it takes."""
    groups = {("created", "dev", "mysql"): 5, ("create", "dev", "postgres"): 600}
    counts = {"created": 5, "pending": 600}
    text = render_plan(
        dataclasses.replace(REPORT, counts=counts), groups, rate_per_s=10.0, names_note="names: none"
    )
    assert text.splitlines() == [
        "plan: 605 rows; nothing was sent",
        "  600 rows of postgres in sandbox dev: would be created",
        "  5 rows of mysql in sandbox dev: created already: skipped",
        "counts (pending rows would be created):",
        "  created    5",
        "  pending  600",
        "time: at least 1 min 00 s for 600 POSTs at 10 requests a second",
        "names: none",
        "ledger: eu.ledger.db",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (42.4, "42 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (356400, "4 days 3 h"),
    ],
)
def test_duration_of_seconds_reads_as_people_say_it(seconds: float, text: str) -> None:
    """Precision falls as length grows."""
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(1, "1 row"), (0, "0 rows"), (2000, "2,000 rows")])
def test_plural_of_a_count_agrees_with_it(count: int, text: str) -> None:
    """One is one."""
    assert plural(count, "row") == text


def test_columns_and_table_are_aligned() -> None:
    """Figures stand under each other, names beside each other."""
    assert columns([("a", "10"), ("long", "5")]) == ["  a     10", "  long   5"]
    assert table(("name", "id"), [("x", "1234")]) == "name  id\n----  ----\nx     1234"
