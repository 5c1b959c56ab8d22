"""The body of `status`: the ledger in figures, also while a run holds it."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.failure import print_json
from bulkconn.cli.fleet_ledger import fleet_place
from bulkconn.cli.given import Given
from bulkconn.cli.wiring import about_ledger, ledger_place, shown_place
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.core.names import RunId
from bulkconn.core.report import Report, Tally, ThisRun
from bulkconn.ledger.places import open_read_only
from bulkconn.ledger.queries import read_summary
from bulkconn.report.fleet import render_run
from bulkconn.report.summary import render_status

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds between two looks at a run that is watched.
_WATCH_S: Final = 2.0


def status(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn status` was asked for, and give the exit code."""
    given = Given.of(params)
    if given.text("run") is not None:
        return _status_of_run(given, given.text("run") or "")
    if given.is_on("watch"):
        raise UsageError("--watch needs --run ID", fix="`bulkconn runs` lists the runs that were submitted")
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


def _status_of_run(given: Given, run_id: str) -> int:
    place = fleet_place(given)
    from bulkconn.ledger.shards import read_runs  # noqa: PLC0415 - an extra that may be missing

    shown = ""
    with about_ledger(place), closing(open_read_only(place)) as store:
        while True:
            found = store.read(lambda db: read_runs(db, RunId(run_id)))
            if not found:
                raise UsageError(
                    f"no run {run_id} was submitted to this ledger",
                    fix="`bulkconn runs` lists those that were",
                )
            (view,) = found
            if not given.wants_json and render_run(view) != shown:
                shown = render_run(view)
                click.echo(shown)
            if view.is_finished or not given.is_on("watch"):
                break
            time.sleep(_WATCH_S)
    if given.wants_json:
        counts = Tally({state.value: rows for state, rows in view.rows.items()}).counts
        print_json(
            Report(
                run_id=view.run_id,
                ledger=shown_place(place),
                counts=counts,
                this_run=ThisRun(),
                duration_s=0.0,
                exit_code=ExitCode.OK,
            ).as_json()
        )
    return int(ExitCode.OK)
