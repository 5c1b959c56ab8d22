"""The body of `submit`: everything is checked, then run, rows, shards and jobs are recorded."""

from __future__ import annotations

import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.checking import network_of, opened, take_stock
from bulkconn.cli.failure import print_json
from bulkconn.cli.fleet_ledger import fleet_place, opened_store
from bulkconn.cli.given import Given
from bulkconn.cli.ledgers import LedgerView
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.reporting import emit_refusal, note_warnings
from bulkconn.cli.signals import interruptible
from bulkconn.cli.wiring import about_ledger, make_world, new_run_id, run_async, shown_place, target_of
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import ExitCode, LedgerError, UsageError
from bulkconn.core.names import LedgerId
from bulkconn.inventory.files import STDIN
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.slices import NotInParts, cut
from bulkconn.inventory.staged import discard, stage
from bulkconn.ledger.opening import check_target
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import RunId
    from bulkconn.engine.context import World
    from bulkconn.inventory.files import InventoryFile
    from bulkconn.inventory.slices import Slice
    from bulkconn.ledger.postgres import PostgresStore


@dataclass(frozen=True, slots=True)
class Copies:
    """What was copied for the workers of a run; its name tells whose it is."""

    run_id: RunId
    paths: list[Path]


def submit(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn submit` was asked for, and give the exit code."""
    # Nothing is sent and no secret is read here: patience is the workers' business.
    given = Given.of({**params, "max_wait": 0.0})
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    return run_async(lambda: _submit(given, params["inventory"], world))


async def _submit(given: Given, paths: Sequence[str], world: World) -> int:
    place = fleet_place(given)
    if given.org_id is None:
        raise UsageError(
            "missing: --org-id (BULKCONN_ORG_ID)", fix="name the organisation that the ledger belongs to"
        )
    target = target_of(given, given.org_id)
    now = world.clock.now()
    with (
        about_ledger(place),
        opened(given, paths, sys.stdin.buffer, looks_for_secrets=False) as checked,
        opened_store(place, world.clock) as store,
    ):
        info = store.prepare(target, new_ledger_id=LedgerId(str(uuid.uuid4())), now=now)
        check_target(info.target, target, str(place))
        await take_stock(checked, LedgerView(store).as_ledger(), reopen=given.reopen)
        if checked.errors:
            report = checked.refusal(ledger=shown_place(place), skip_invalid=True, duration_s=0.0)
            if given.wants_json:
                print_json(report.as_json())
            else:
                emit_refusal(report)
            return int(report.exit_code)
        note_warnings([*checked.diagnostics, *checked.passed_over], given)
        return _record(given, checked, store, world)


def _record(given: Given, checked: Checked, store: PostgresStore, world: World) -> int:
    from bulkconn.fleet.submission import submit as record  # noqa: PLC0415 - an extra that may be missing
    from bulkconn.ledger.shards import COPIES, RowsInUse, Submission  # noqa: PLC0415 - likewise

    now = world.clock.now()
    run_id = new_run_id(now)
    try:
        with _kept_if_submitted(run_id) as copies:
            slices = _slices(given, checked, world, copies)
            submission = Submission(
                run_id=run_id,
                queue=given.text("queue") or "default",
                priority=int(given.number("priority")),
                inventories=checked.inventory.names,
                settings={**_policy(given), COPIES: [str(copy) for copy in copies.paths]},
            )
            record(store, submission, slices, checked.endpoints, now)
    except RowsInUse as unfinished:
        if not given.is_on("join"):
            raise
        world.log.info("run.joined", run_id=unfinished.run_id)
        return _tell(given, store, checked, unfinished.run_id)
    rows = sum(part.rows for part in slices)
    world.log.info("run.submitted", run_id=run_id, rows=rows, shards=len(slices))
    return _tell(given, store, checked, run_id)


def _policy(given: Given) -> dict[str, Any]:
    """Give what is said of all rows: workers need it, and none of it is secret."""
    defaults = given.row_defaults
    return {
        "sandbox": defaults.sandbox,
        "platform_cloud": None if defaults.platform_cloud is None else defaults.platform_cloud.value,
        "on_existing": (given.text("on_existing") or "hold").lower(),
        "retry_failed": given.is_on("retry_failed"),
        "marker": given.is_on("marker"),
    }


@contextmanager
def _kept_if_submitted(run_id: RunId) -> Iterator[Copies]:
    """Delete the copies that are noted here where they were made for nothing."""
    copies = Copies(run_id, [])
    try:
        yield copies
    except LedgerError:
        # Whether the run was recorded is not known, so workers may need them.
        raise
    except BaseException:
        for copy in copies.paths:
            discard(copy)
        raise


def _tell(given: Given, store: PostgresStore, checked: Checked, run_id: RunId) -> int:
    """Say which run has the rows: the one that was submitted, or one that was not finished."""
    from bulkconn.ledger.shards import read_runs  # noqa: PLC0415 - an extra that may be missing

    (run,) = store.read(lambda db: read_runs(db, run_id))
    rows, count = sum(run.rows.values()), sum(run.shards.values())
    if given.wants_json:
        print_json(
            {
                "run_id": run_id,
                "ledger": str(store.place),
                "rows": rows,
                "shards": count,
                "queue": run.queue,
                "diagnostics": [one.as_json() for one in (*checked.diagnostics, *checked.passed_over)],
                "exit_code": 0,
            }
        )
    else:
        click.echo(run_id)
        click.echo(
            f"{plural(rows, 'row')} in {plural(count, 'shard')}; workers do the sending\n"
            "next: bulkconn worker --exit-when-idle    # as many as you like, anywhere\n"
            f"next: bulkconn status --run {run_id} --watch",
            err=True,
        )
    return int(ExitCode.OK)


def _slices(given: Given, checked: Checked, world: World, copies: Copies) -> list[Slice]:
    """Cut all inventories into parts for workers; what cannot be cut is copied first.

    Raises:
        UsageError: one can neither be cut nor copied.
    """
    files = {file.name: file for file in checked.inventory.files}
    found: list[Slice] = []
    with interruptible():
        for name, endpoints in groupby(checked.endpoints(), key=lambda endpoint: endpoint.file):
            found += _share_out(given, files[name], endpoints, world, copies)
    return found


def _share_out(
    given: Given, file: InventoryFile, endpoints: Iterator[Endpoint], world: World, copies: Copies
) -> Sequence[Slice]:
    rows_a_slice, encoding = int(given.number("shard_rows")), given.text("encoding")
    numbers = (endpoint.row for endpoint in endpoints)
    try:
        return cut(file, numbers, rows_a_slice=rows_a_slice, encoding=encoding, network=network_of(given))
    except NotInParts as refused:
        # None of its rows was taken yet.
        stem = "stdin" if file.location.target == STDIN else file.location.stem
        name = f"{stem or 'inventory'}.staged-{copies.run_id}"
        copy = stage(endpoints, _folder_for(given, file, refused), name, refused)
        copies.paths.append(copy.resolve())
        world.log.info("inventory.staged", inventory=file.name, copy=str(copy), reason=refused.why)
    with Inventory.open([copy]) as staged:
        numbers = (row.row for row in staged.rows() if isinstance(row, InventoryRow))
        return cut(staged.files[0], numbers, rows_a_slice=rows_a_slice, name=file.name)


def _folder_for(given: Given, file: InventoryFile, refused: NotInParts) -> Path:
    """Say where a copy goes: where the user says, else beside the original.

    Raises:
        NotInParts: it lies beside nothing.
    """
    named = given.text("stage_to")
    if named is not None:
        return Path(named).expanduser()
    if file.copy is not None:
        raise refused
    return Path(file.location.target).resolve().parent
