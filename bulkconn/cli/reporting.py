"""How reports leave the program: one JSON value on stdout, or text."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from bulkconn.cli.failure import print_json
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Report, Stop
from bulkconn.report.diagnostics import render_diagnostics
from bulkconn.report.summary import render_stop, render_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.cli.given import Given
    from bulkconn.core.diagnostics import Diagnostic


def emit_run(report: Report, given: Given, *, command: str) -> None:
    """Print the report of `run` or `settle`."""
    # Whether anybody reads it or not, the exit code must come through.
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
        elif report.exit_code is ExitCode.INVENTORY_INVALID:
            emit_refusal(report)
        else:
            # Where events have stdout, it is theirs alone.
            click.echo(render_summary(report, command=command), err=given.text("events") == "-")


def emit_refusal(report: Report) -> None:
    """Print what is wrong with an inventory, all of it, and what to do, to stderr."""
    click.echo(render_diagnostics(report.diagnostics), err=True)
    if report.stopped is not None:
        click.echo("\n".join(render_stop(report.stopped)), err=True)


def note_warnings(diagnostics: Sequence[Diagnostic], given: Given) -> None:
    """Show, as text, what a run goes on in spite of: warnings, and errors of rows that are skipped."""
    if diagnostics and not given.wants_json:
        click.echo(f"{render_diagnostics(diagnostics)}\n", err=True)


def as_interrupted(report: Report, signal_code: ExitCode | None) -> Report:
    """Give the report the exit code of the signal that ended its run, if one did."""
    if signal_code is None or report.exit_code is not ExitCode.INTERRUPTED:
        return report
    stop = report.stopped or Stop(
        "terminated (SIGTERM)" if signal_code is ExitCode.TERMINATED else "interrupted",
        Scope.RUN,
        "the ledger is whole: run the same command again, it goes on where it was",
    )
    return dataclasses.replace(report, exit_code=signal_code, stopped=stop)
