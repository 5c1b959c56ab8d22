"""The body of `status`: the ledger in figures, also while a run holds it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.wiring import about_ledger, ledger_place, shown_place
from bulkconn.core.errors import ExitCode
from bulkconn.core.report import Report, Tally, ThisRun
from bulkconn.ledger.places import open_read_only
from bulkconn.ledger.queries import read_summary
from bulkconn.report.summary import render_status

if TYPE_CHECKING:
    from collections.abc import Mapping


def status(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn status` was asked for, and give the exit code."""
    given = Given.of(params)
    place = ledger_place(given)
    with about_ledger(place), closing(open_read_only(place)) as store:
        summary = store.read(read_summary)
    report = Report(
        run_id=summary.last_run_id,
        ledger=shown_place(place),
        counts=Tally({state.value: rows for state, rows in summary.counts.items()}).counts,
        this_run=ThisRun(),
        duration_s=0.0,
        exit_code=ExitCode.OK,
        groups=summary.groups,
    )
    if given.wants_json:
        print_json(report.as_json())
    else:
        click.echo(render_status(report, oldest_doubt_at=summary.oldest_doubt_at, now=datetime.now(UTC)))
    return int(ExitCode.OK)
