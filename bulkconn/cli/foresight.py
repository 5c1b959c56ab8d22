"""The body of `plan`: what a run would do with each group of rows; nothing is sent, no ledger is made."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.checking import opened, take_stock
from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.ledgers import LedgerView
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.names import NamesFound, look_at_names
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.reporting import emit_refusal, note_warnings
from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import has_ledger, ledger_place, make_world, run_async, shown_place, target_of
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.core.report import Report, ThisRun
from bulkconn.ledger.opening import check_target
from bulkconn.ledger.places import open_read_only
from bulkconn.report.planning import render_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.record import Target
    from bulkconn.engine.context import World


def plan(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn plan` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    return run_async(lambda: _plan(given, params["inventory"], world))


async def _plan(given: Given, paths: Sequence[str], world: World) -> int:

    with listening() as interrupts, opened(given, paths, sys.stdin.buffer) as checked:
        report, found = await foresee(given, paths, checked, world, interrupts)
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
        elif report.exit_code is ExitCode.INVENTORY_INVALID:
            emit_refusal(report)
        else:
            note_warnings(report.diagnostics, given)
            rate_per_s = given.run_settings.pace.rate_per_s
            groups = checked.survey.groups
            click.echo(render_plan(report, groups, rate_per_s=rate_per_s, names_note=found.note))
    return int(report.exit_code)


async def foresee(
    given: Given, paths: Sequence[str], checked: Checked, world: World, interrupts: Interrupts
) -> tuple[Report, NamesFound]:
    """Give what a run would find.

    Raises:
        BulkconnError: a run could not even begin.
    """
    began_s = world.clock.elapsed_s()
    place = ledger_place(given, paths)
    shown = shown_place(place)
    with ExitStack() as stack:
        view = LedgerView()
        if has_ledger(place):
            store = stack.enter_context(closing(open_read_only(place)))
            _check_target(given, store.info.target, shown)
            view = LedgerView(store)
        await take_stock(checked, view.as_ledger(), retry_failed=given.is_on("retry_failed"))
        skip_invalid = given.is_on("skip_invalid")
        if not checked.may_go_on(skip_invalid=skip_invalid):
            duration_s = world.clock.elapsed_s() - began_s
            return checked.refusal(
                ledger=shown, skip_invalid=skip_invalid, duration_s=duration_s
            ), NamesFound("")
        found = await _look_at_names(given, checked, view, world, interrupts)
    counts = found.tally.counts if found.looked else checked.survey.tally.counts
    report = Report(
        run_id=None,
        ledger=shown,
        counts=counts,
        this_run=ThisRun(skipped=checked.survey.skipped, lookups=found.lookups),
        duration_s=world.clock.elapsed_s() - began_s,
        exit_code=_exit_code(counts, found),
        diagnostics=[*checked.diagnostics, *found.diagnostics],
        stopped=found.stopped,
    )
    return report, found


async def _look_at_names(
    given: Given, checked: Checked, view: LedgerView, world: World, interrupts: Interrupts
) -> NamesFound:

    if given.is_on("offline"):
        return NamesFound("names in the sandboxes were not looked at (--offline)")
    try:
        credentials = given.credentials()
    except UsageError as missing:
        return NamesFound(f"names in the sandboxes were not looked at ({missing})")
    return await look_at_names(given, credentials, (checked, view), world, interrupts)


def _check_target(given: Given, have: Target, name: str) -> None:
    if given.org_id is not None:
        check_target(have, target_of(given, given.org_id), name)


def _exit_code(counts: Mapping[str, int], found: NamesFound) -> ExitCode:
    """Say whether anything stands against a run: rows that would be sent are what it is for."""
    if found.stopped is not None:
        return ExitCode.STOPPED
    unfinished = ("failed", "held", "in_doubt", "changed", "invalid")
    if any(counts.get(name, 0) for name in unfinished) or found.diagnostics:
        return ExitCode.ROWS_UNFINISHED
    return ExitCode.OK
