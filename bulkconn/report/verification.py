"""The end of `verify` as text: counts, causes with one remedy each, and what to type next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bulkconn.core.verification import REMEDIES, Verdict
from bulkconn.report.summary import render_stop
from bulkconn.report.words import columns, duration, plural

if TYPE_CHECKING:
    from bulkconn.core.verify_report import VerifyReport


def render_verification(report: VerifyReport) -> str:
    """Give the text that ends `verify`."""
    title = f"verify {report.run_id}: {plural(report.rows, 'connection')} in {duration(report.duration_s)}"
    lines = [title, *render_verdicts(report), f"this run: {plural(report.lookups, 'request')}"]
    if report.verified_before:
        before = plural(report.verified_before, "connection")
        lines.append(f"it goes on: {before} of these had been verified before; --restart asks for all again")
    lines += render_causes(report)
    if report.stopped is not None:
        lines += render_stop(report.stopped)
    if report.ledger is not None:
        lines += ["", f"ledger: {report.ledger}"]
        lines += [f"next: {step}" for step in _next_steps(report, shlex.quote(report.ledger))]
    return "\n".join(lines)


def render_verdicts(report: VerifyReport) -> list[str]:
    """Give one line for each verdict, and one for what is not known."""
    counts = [(verdict.value, f"{report.counts.get(verdict, 0):,}") for verdict in Verdict]
    if report.unknown:
        counts.append(("not known yet", f"{report.unknown:,}"))
    return columns(counts)


def render_causes(report: VerifyReport) -> list[str]:
    """Give for each cause how many connections it concerns, an example and the remedy."""
    lines: list[str] = []
    for group in report.groups:
        lines += [
            "",
            f"{plural(group.rows, 'connection')} {group.verdict.value}: {group.code or 'no code'}",
            f"  for example: {group.example}",
            f"  fix: {REMEDIES[group.verdict]}",
        ]
    return lines


def _next_steps(report: VerifyReport, ledger: str) -> list[str]:
    if report.unknown:
        return ["the same command again: it goes on with the connections that are not known yet"]
    if any(rows for verdict, rows in report.counts.items() if verdict is not Verdict.OK):
        return [f"bulkconn verify --ledger {ledger} --only failing    # after they are mended"]
    return []
