"""The end of a command as text: counts, error groups with one remedy each, and what to type next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bulkconn.core.errors import ExitCode
from bulkconn.core.remedies import remedy_for
from bulkconn.core.report import all_counts
from bulkconn.report.words import columns, duration, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.record import ErrorGroup
    from bulkconn.core.report import Report, Stop, ThisRun


def render_summary(report: Report, *, command: str) -> str:
    """Give the text that ends `run` and `settle`.

    Args:
        report: Its `ledger` is shown as it is: a password in it must be masked by now.
        command: The subcommand, for what to type next.
    """
    counts = report.counts
    name = f"{command} {report.run_id}" if report.run_id else f"{command} did not begin"
    title = f"{name}: {plural(sum(counts.values()), 'row')} in {duration(report.duration_s)}"
    lines = [title, *render_counts(counts), f"this run: {_deeds(report.this_run)}"]
    lines += render_groups(report.groups)
    if report.stopped is not None:
        lines += render_stop(report.stopped)
    if report.ledger is not None:
        lines += ["", f"ledger: {report.ledger}"]
    lines += [f"next: {step}" for step in _next_steps(report, command)]
    return "\n".join(lines)


def render_status(report: Report, *, oldest_doubt_at: datetime | None, now: datetime) -> str:
    """Give the text of `status`: the whole ledger, and how long its oldest doubt lasts."""
    counts = report.counts
    lines = [f"ledger: {report.ledger}"]
    if report.run_id is not None:
        lines.append(f"last run: {report.run_id}")
    lines += [plural(sum(counts.values()), "row"), *render_counts(counts)]
    if oldest_doubt_at is not None:
        age_s = max(0.0, (now - oldest_doubt_at).total_seconds())
        lines.append(f"oldest in doubt: since {oldest_doubt_at:%Y-%m-%d %H:%M:%S} UTC ({duration(age_s)})")
    lines += render_groups(report.groups)
    lines += [f"next: {step}" for step in _next_steps(report, "status")]
    return "\n".join(lines)


def render_counts(counts: Mapping[str, int]) -> list[str]:
    """Give one line for each state that has rows, in the documented order."""
    return columns((name.replace("_", " "), f"{rows:,}") for name, rows in all_counts(counts).items() if rows)


def render_groups(groups: Sequence[ErrorGroup]) -> list[str]:
    """Give for each error group its size, an example and its one remedy."""
    lines: list[str] = []
    for group in groups:
        label = group.code or "no code"
        lines += ["", f"{plural(group.rows, 'row')} {group.state.value.replace('_', ' ')}: {label}"]
        if group.example:
            lines.append(f"  for example: {group.example}")
        lines.append(f"  fix: {remedy_for(group.code)}")
    return lines


def render_stop(stop: Stop) -> list[str]:
    """Give why the command ended before its time, whom that concerns, and how to mend it."""
    concerned = "" if stop.scope.value == "run" else f" (this {stop.scope.value} only)"
    return ["", f"stopped{concerned}: {stop.reason}", f"  fix: {stop.fix}"]


def _deeds(this_run: ThisRun) -> str:
    done = this_run.as_json()
    rows = ", ".join(f"{done[name]:,} {name}" for name in ("created", "adopted", "settled", "skipped"))
    posts, lookups = plural(this_run.posts, "POST"), plural(this_run.lookups, "lookup")
    return f"{rows}; {posts}, {lookups}, {this_run.throttled:,} throttled"


def _next_steps(report: Report, command: str) -> list[str]:
    counts, ledger = report.counts, shlex.quote(report.ledger or "")
    if not report.ledger:
        return []
    steps = []
    if counts.get("in_doubt", 0) and command != "settle":
        steps.append(f"bulkconn settle --ledger {ledger}    # looks the rows in doubt up; sends nothing")
    elif counts.get("in_doubt", 0):
        steps.append("the same command again later: what is in doubt is never sent before it is settled")
    unfinished = [name for name in ("failed", "held") if counts.get(name, 0)]
    if unfinished:
        states = " ".join(f"--state {name}" for name in unfinished)
        steps.append(f"bulkconn export --ledger {ledger} {states} -o unfinished.csv")
    if report.left_behind and report.stopped is None:
        steps.append("the same command without --retry-failed (and --error-code): it sends what is pending")
    elif command == "run" and (
        report.exit_code in {ExitCode.STOPPED, ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    ):
        steps.append("the same command again: it goes on where it was")
    if not steps and counts.get("created", 0) + counts.get("adopted", 0):
        steps.append(f"bulkconn export --ledger {ledger} -o connections.csv    # ids and etags")
    return steps
