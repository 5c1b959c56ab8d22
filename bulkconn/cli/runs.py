"""The bodies of `runs`, `pause`, `resume` and `cancel`: what becomes of runs that were submitted."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.failure import print_json
from bulkconn.cli.fleet_ledger import fleet_place, opened_store
from bulkconn.cli.given import Given
from bulkconn.cli.wiring import about_ledger
from bulkconn.core.errors import ExitCode
from bulkconn.core.names import RunId
from bulkconn.engine.clock import SystemClock
from bulkconn.inventory.staged import discard
from bulkconn.ledger.places import open_read_only
from bulkconn.report.fleet import render_runs, runs_as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bulkconn.ledger.postgres import PostgresStore


def runs(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn runs` was asked for, and give the exit code."""
    given = Given.of(params)
    place = fleet_place(given)
    from bulkconn.ledger.shards import read_runs  # noqa: PLC0415 - an extra that may be missing

    with about_ledger(place), closing(open_read_only(place)) as store:
        found = store.read(read_runs)
    if given.wants_json:
        print_json(runs_as_json(found))
    else:
        click.echo(render_runs(found))
    return int(ExitCode.OK)


def pause(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn pause` was asked for, and give the exit code."""
    return _change(params, "paused", "paused: what is in flight is finished, then workers leave it alone")


def resume(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn resume` was asked for, and give the exit code."""
    return _change(params, "active", "resumed: workers go on with it")


def cancel(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn cancel` was asked for, and give the exit code."""
    return _change(
        params, "cancelled", "cancelled: nothing that was created is undone", afterwards=_drop_copies
    )


def _change(
    params: Mapping[str, Any],
    to: str,
    words: str,
    *,
    afterwards: Callable[[PostgresStore, RunId], None] = lambda _store, _run_id: None,
) -> int:
    given = Given.of(params)
    place = fleet_place(given)
    from bulkconn.fleet.submission import change_run  # noqa: PLC0415 - an extra that may be missing
    from bulkconn.ledger.shards import RunState  # noqa: PLC0415 - likewise

    run_id = RunId(str(params["run"]))
    with about_ledger(place), opened_store(place, SystemClock()) as store:
        store.attach()
        change_run(store, run_id, RunState(to), datetime.now(UTC))
        click.echo(f"run {run_id} is {words}", err=True)
        afterwards(store, run_id)
    return int(ExitCode.OK)


def _drop_copies(store: PostgresStore, run_id: RunId) -> None:
    """Delete the copies of a run that was given up; where workers are at it the last of them does."""
    from bulkconn.ledger.shards import needs_inventories, read_copies  # noqa: PLC0415 - as above

    if store.read(lambda db: needs_inventories(db, run_id)):
        return
    for copy in map(Path, store.read(lambda db: read_copies(db, run_id))):
        if not copy.exists():
            click.echo(
                f"its copy {copy} is not on this machine: if workers still see it, delete it there", err=True
            )
        elif why := discard(copy):
            click.echo(f"its copy {copy} stays ({why}): delete it, no worker needs it any more", err=True)
        else:
            click.echo(f"its copy {copy} was deleted", err=True)
