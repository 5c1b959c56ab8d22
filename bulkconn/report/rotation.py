"""The end of `rotate` as text: counts, rows that were left or refused, causes with a remedy, what is next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bulkconn.core.errors import ExitCode
from bulkconn.core.rotate_report import ROTATE_COUNTS
from bulkconn.report.diagnostics import render_diagnostics
from bulkconn.report.summary import render_stop
from bulkconn.report.verification import render_causes, render_verdicts
from bulkconn.report.words import columns, duration, plural

if TYPE_CHECKING:
    from bulkconn.core.rotate_report import RotateReport


def render_rotation(report: RotateReport) -> str:
    """Give the text that ends `rotate`."""
    if report.run_id is None:
        lines = [render_diagnostics(report.diagnostics)]
        return "\n".join(lines if report.stopped is None else [*lines, *render_stop(report.stopped)])
    rows = plural(sum(report.counts.values()), "row")
    lines = [f"rotate {report.run_id}: {rows} in {duration(report.duration_s)}"]
    lines += columns((name, f"{report.counts[name]:,}") for name in ROTATE_COUNTS if report.counts.get(name))
    lines.append(
        f"this run: {plural(report.patches, 'PATCH', 'PATCHes')}, {plural(report.lookups, 'lookup')}, "
        f"{report.skipped:,} skipped, {report.throttled:,} throttled"
    )
    if report.diagnostics:
        lines += ["", render_diagnostics(report.diagnostics)]
    for group in report.groups:
        lines += ["", f"{plural(group.rows, 'row')} failed: {group.code or 'no code'}"]
        lines += [f"  for example: {group.example}", f"  fix: {group.fix}"]
    if report.verification is not None:
        lines += ["", "verified:", *render_verdicts(report.verification), *render_causes(report.verification)]
    if report.stopped is not None:
        lines += render_stop(report.stopped)
    lines += ["", f"ledger: {report.ledger}", *_next_steps(report)]
    return "\n".join(lines)


def _next_steps(report: RotateReport) -> list[str]:
    if report.counts.get("pending", 0) or report.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        return ["next: the same command again: it goes on where it was"]
    if report.verification is None and report.counts.get("rotated", 0):
        ledger = shlex.quote(report.ledger or "")
        return [f"next: bulkconn verify --ledger {ledger}    # do the new credentials work?"]
    return []
