"""The body of `plan`: what a run would do with each group of rows; nothing is sent, no ledger is made."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.checking import opened, take_stock
from bulkconn.cli.comparing import compare
from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.ledgers import LedgerView
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.looking import Eyes, look_at_specs
from bulkconn.cli.names import NamesFound, look_at_names
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.planned import situation_of, write_plan
from bulkconn.cli.reporting import emit_refusal, note_warnings
from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import (
    has_ledger,
    hold_ledger,
    ledger_place,
    make_world,
    run_async,
    shown_place,
    target_of,
)
from bulkconn.core.diff import detailed_exit_code
from bulkconn.core.errors import ExitCode, LedgerError, UsageError
from bulkconn.core.outcome import Scope
from bulkconn.core.report import UNFINISHED, Report, Stop, ThisRun
from bulkconn.ledger.digest import read_digest
from bulkconn.ledger.opening import check_target
from bulkconn.ledger.places import open_read_only
from bulkconn.report.diff import render_diff
from bulkconn.report.planning import render_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.spec_check import SpecCheck
    from bulkconn.core.diff import LiveDiff
    from bulkconn.core.record import Target
    from bulkconn.core.service_spec import Place as SpecPlace
    from bulkconn.core.service_spec import SpecAnswer
    from bulkconn.engine.context import World
    from bulkconn.engine.lookup import Unknown
    from bulkconn.ledger.locate import Place


def plan(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn plan` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    return run_async(lambda: _plan(given, params["inventory"], world))


async def _plan(given: Given, paths: Sequence[str], world: World) -> int:

    with listening(), opened(given, paths, sys.stdin.buffer) as checked:
        report, found = await foresee(given, paths, checked, world)
    with reader_may_leave():
        if given.wants_json:
            diff = {} if found.diff is None else {"diff": found.diff.as_json()}
            print_json({**report.as_json(), **diff})
        elif report.exit_code is ExitCode.INVENTORY_INVALID:
            emit_refusal(report)
        else:
            note_warnings(report.diagnostics, given)
            rate_per_s = given.run_settings.pace.rate_per_s
            groups = checked.survey.groups
            click.echo(render_plan(report, groups, rate_per_s=rate_per_s, names_note=found.note))
            if found.diff is not None:
                click.echo(f"\n{render_diff(found.diff)}")
    return int(report.exit_code)


async def foresee(
    given: Given, paths: Sequence[str], checked: Checked, world: World
) -> tuple[Report, NamesFound]:
    """Give what a run would find.

    Raises:
        BulkconnError: a run could not even begin.
    """
    if given.is_on("live") and given.is_on("offline"):
        raise UsageError("--live looks at the sandboxes, --offline does not", fix="leave one of them out")
    began_s = world.clock.elapsed_s()
    place = ledger_place(given, paths)
    shown = shown_place(place)
    async with AsyncExitStack() as stack:
        view = LedgerView()
        if has_ledger(place):
            store = stack.enter_context(closing(open_read_only(place)))
            _check_target(given, store.info.target, shown)
            view = LedgerView(store)
        eyes = Eyes(given, world, ledger=view.as_ledger(), secrets=checked.references)
        await stack.enter_async_context(eyes)
        specs = await _check_specs(given, checked, view, eyes)
        await take_stock(checked, view.as_ledger(), specs, reopen=given.reopen)
        if specs is not None and specs.fresh and view.keeps_specs:
            await _keep(given, place, specs, world)
        checked.lookups = eyes.lookups
        skip_invalid = given.is_on("skip_invalid")
        if not checked.may_go_on(skip_invalid=skip_invalid):
            duration_s = world.clock.elapsed_s() - began_s
            return checked.refusal(
                ledger=shown, skip_invalid=skip_invalid, duration_s=duration_s
            ), NamesFound("")
        digest_of_store = None if view.store is None else view.store.read(read_digest)
        found = await _look_at_names(given, checked, eyes)
        if given.is_on("live"):
            engine, _ = await eyes.open(given.credentials())
            found.diff = await compare(engine, checked, found, view.store)
            found.stopped = found.stopped or engine.stops.reported or _not_listed(found.diff)
    if specs is not None:
        found.note = f"{specs.note}\n{found.note}"
        found.stopped = found.stopped or specs.stop(eyes.stops)
    counts = found.tally.counts if found.looked else checked.survey.tally.counts
    report = Report(
        run_id=None,
        ledger=shown,
        counts=counts,
        this_run=ThisRun(skipped=checked.survey.skipped, lookups=eyes.lookups),
        duration_s=world.clock.elapsed_s() - began_s,
        exit_code=_exit_code(counts, found, is_checked=not checked.notes),
        diagnostics=[*checked.diagnostics, *checked.passed_over, *found.diagnostics],
        stopped=found.stopped,
        left_behind=checked.survey.left_behind,
    )
    if given.text("out") is not None and report.stopped is None:
        info = None if view.store is None else view.store.info
        base_url = target_of(given, given.org_id or "").base_url
        situation = situation_of(checked, base_url, given.org_id, info, digest_of_store)
        write_plan(given.text("out") or "", given, situation, counts)
    if given.is_on("detailed_exitcode"):
        to_send = {**counts, "pending": counts["pending"] - report.left_behind}
        code = detailed_exit_code(to_send, found.diff, usual=report.exit_code)
        report = dataclasses.replace(report, exit_code=code)
    return report, found


def _not_listed(diff: LiveDiff) -> Stop | None:
    if not diff.unlisted:
        return None
    return Stop(
        f"the connections of {', '.join(diff.unlisted)} could not be listed, so orphans are not known",
        Scope.SANDBOX,
        "run the same command again later",
    )


async def _check_specs(given: Given, checked: Checked, view: LedgerView, eyes: Eyes) -> SpecCheck | None:
    """Hold rows to what the service says, if that was asked for."""
    if not given.is_on("check_specs"):
        return None
    # jsonschema takes long to import, and is needed here only.
    from bulkconn.cli.spec_check import SpecCheck  # noqa: PLC0415 - see above

    async def ask(places: Sequence[SpecPlace]) -> Mapping[SpecPlace, SpecAnswer | Unknown]:
        return await look_at_specs(*await eyes.open(given.credentials()), places)

    specs = SpecCheck(checked, None if given.is_on("offline") else ask, eyes.world.clock.now)
    await specs.begin(view.specs())
    return specs


async def _keep(given: Given, place: Place, specs: SpecCheck, world: World) -> None:
    """Let a ledger that is there keep what the service said, unless a run holds it."""
    try:
        held = await hold_ledger(place, target_of(given, given.credentials().org_id), given, world.clock)
        try:
            await held.keep_specs(specs.fresh)
        finally:
            await held.close()
    except LedgerError as error:
        world.log.info("specs.not_kept", reason=str(error))


async def _look_at_names(given: Given, checked: Checked, eyes: Eyes) -> NamesFound:

    if given.is_on("offline"):
        return NamesFound("names in the sandboxes were not looked at (--offline)")
    try:
        credentials = given.credentials()
    except UsageError as missing:
        return NamesFound(f"names in the sandboxes were not looked at ({missing})")
    engine, _ = await eyes.open(credentials)
    return await look_at_names(engine, checked)


def _check_target(given: Given, have: Target, name: str) -> None:
    if given.org_id is not None:
        check_target(have, target_of(given, given.org_id), name)


def _exit_code(counts: Mapping[str, int], found: NamesFound, *, is_checked: bool) -> ExitCode:
    """Say whether anything stands against a run: rows that would be sent are what it is for."""
    if found.stopped is not None:
        return ExitCode.STOPPED
    if any(counts.get(name, 0) for name in UNFINISHED) or found.diagnostics or not is_checked:
        return ExitCode.ROWS_UNFINISHED
    return ExitCode.OK
