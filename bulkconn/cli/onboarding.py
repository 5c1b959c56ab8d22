"""The body of `run`: everything is checked first, then every row is created, exactly once."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.checking import opened, take_stock
from bulkconn.cli.given import Given
from bulkconn.cli.ledgers import LedgerView
from bulkconn.cli.looking import look_at_specs
from bulkconn.cli.observing import observing
from bulkconn.cli.planned import check_plan, situation_of, take_plan
from bulkconn.cli.progress import configure_logs_of, may_draw, showing
from bulkconn.cli.reporting import as_interrupted, emit_run, note_warnings
from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import (
    has_ledger,
    hold_ledger,
    ledger_place,
    make_world,
    new_run_id,
    open_service,
    run_async,
    shown_place,
    target_of,
)
from bulkconn.core.errors import UsageError
from bulkconn.engine.audience import Audience
from bulkconn.engine.run import Engine
from bulkconn.ledger.digest import read_digest
from bulkconn.ledger.paces import PaceKeeper
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.signals import Interrupts
    from bulkconn.cli.spec_check import SpecCheck
    from bulkconn.core.plan_file import PlanFile
    from bulkconn.core.report import Report
    from bulkconn.core.service_spec import Place as SpecPlace
    from bulkconn.core.service_spec import SpecAnswer
    from bulkconn.engine.context import World
    from bulkconn.engine.lookup import Unknown
    from bulkconn.engine.service import Service
    from bulkconn.ledger.locate import Place
    from bulkconn.ledger.stored import StoredLedger


def run(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn run` was asked for, and give the exit code."""
    params, plan = take_plan(params)
    given = Given.of(params)
    world = make_world(configure_logs_of(given))
    return run_async(lambda: _run(given, params["inventory"], world, plan))


async def _run(given: Given, paths: Sequence[str], world: World, plan: PlanFile | None) -> int:

    with listening() as interrupts:
        async with observing(given, world, interrupts, paths=paths) as observed:
            report = await onboard(given, paths, observed.world, interrupts, plan=plan)
            emit_run(report, given, command="run")
            await observed.end(report)
    return int(report.exit_code)


async def onboard(
    given: Given,
    paths: Sequence[str],
    world: World,
    interrupts: Interrupts,
    *,
    plan: PlanFile | None = None,
) -> Report:
    """Check the inventories, and create what they ask for; with a plan exactly that, or nothing.

    Raises:
        BulkconnError: the command cannot go on; what was sent is in the ledger.
    """
    credentials = given.credentials()
    target = target_of(given, credentials.org_id)
    place = ledger_place(given, paths)
    is_new = not has_ledger(place)
    began_s = world.clock.elapsed_s()
    paces = PaceKeeper()
    world = Audience.joined(world, paces)
    with opened(given, paths, sys.stdin.buffer) as checked:
        async with open_service(given, credentials, world.clock) as service:
            # An existing ledger is held from the start. A new one is made only when there is work for it.
            ledger = None if is_new else await hold_ledger(place, target, given, world.clock)
            try:
                engine = _engine(given, checked, (ledger, service), world)
                specs = await check_specs(given, checked, (ledger, service), engine)
                await take_stock(checked, engine.run.ledger, specs, reopen=given.reopen)
                checked.lookups = engine.run.this_run.lookups
                refusal = _refusal(given, checked, specs, engine)
                if refusal is None:
                    if plan is not None:
                        info = None if ledger is None else ledger.info
                        digest = None if ledger is None else await ledger.ask(read_digest)
                        now = situation_of(checked, target.base_url, target.org_id, info, digest)
                        check_plan(plan, now)
                    _check_number(given, checked)
                if refusal is None and ledger is None:
                    _confirm_create(given, place)
                    ledger = engine.run.ledger = await hold_ledger(place, target, given, world.clock)
                    is_new = False
                if specs is not None and specs.fresh and ledger is not None:
                    await ledger.keep_specs(specs.fresh)
                if ledger is not None:
                    paces.write_into(ledger)
                report = refusal or await _work(given, checked, engine, interrupts)
            finally:
                if ledger is not None:
                    await paces.close()
                    await ledger.close()
    return dataclasses.replace(
        report,
        ledger=None if is_new else shown_place(place),
        diagnostics=[*checked.diagnostics, *checked.passed_over],
        duration_s=world.clock.elapsed_s() - began_s,
    )


def _refusal(given: Given, checked: Checked, specs: SpecCheck | None, engine: Engine) -> Report | None:
    """Give the report of a run that does not begin; None where nothing stands against it."""
    skip_invalid = given.is_on("skip_invalid")
    if not checked.may_go_on(skip_invalid=skip_invalid):
        return checked.refusal(ledger=None, skip_invalid=skip_invalid, duration_s=0.0)
    stop = None if specs is None else specs.stop(engine.stops)
    return None if stop is None else checked.stopped(stop, ledger=None, duration_s=0.0)


def _check_number(given: Given, checked: Checked) -> None:
    """Do nothing if no more would be created than the user allows.

    Raises:
        UsageError: more would be; nothing was sent, and no ledger made.
    """
    at_most = given.params.get("max_create")
    to_create = sum(checked.survey.to_send.values())
    if at_most is not None and to_create > at_most:
        raise UsageError(
            f"a run would create {plural(to_create, 'connection')}, more than --max-create {int(at_most):,}",
            fix="look at them with `bulkconn plan`; then raise --max-create, or correct the inventory",
        )


def _engine(
    given: Given, checked: Checked, held: tuple[StoredLedger | None, Service], world: World
) -> Engine:
    """Give the engine of this run; until a new ledger is made it sees none."""
    ledger, service = held
    run_id = new_run_id(world.clock.now())
    world = dataclasses.replace(world, log=world.log.bind(run_id=run_id))
    return Engine(
        run_id,
        given.run_settings,
        ledger=ledger or LedgerView().as_ledger(),
        service=service,
        secrets=checked.references,
        world=world,
    )


async def check_specs(
    given: Given, checked: Checked, held: tuple[StoredLedger | None, Service], engine: Engine
) -> SpecCheck | None:
    """Hold rows to what the service says, if that was asked for."""
    if not given.is_on("check_specs"):
        return None
    # jsonschema takes long to import, and is needed here only.
    from bulkconn.cli.spec_check import SpecCheck  # noqa: PLC0415 - see above

    ledger, service = held

    async def ask(places: Sequence[SpecPlace]) -> Mapping[SpecPlace, SpecAnswer | Unknown]:
        return await look_at_specs(engine, service, places)

    specs = SpecCheck(checked, ask, engine.run.clock.now)
    await specs.begin({} if ledger is None else await ledger.specs())
    return specs


async def _work(given: Given, checked: Checked, engine: Engine, interrupts: Interrupts) -> Report:

    checked.inventory.verify_unchanged()
    note_warnings([*checked.diagnostics, *checked.passed_over], given)
    log = engine.run.log
    interrupts.on_first = engine.interrupt
    interrupts.on_second = engine.cut
    to_send = checked.survey.tally.counts["pending"] - checked.survey.left_behind
    log.info("run.started", rows=checked.survey.tally.rows, to_send=to_send)
    checked.references.log = log
    is_live = may_draw(given)
    async with checked.references, showing(engine, to_send=to_send, is_live=is_live, survey=checked.survey):
        report = await engine.onboard(checked.endpoints, checked.survey)
    # Doubts that turned out to be none may have joined those that were left at the beginning.
    checked.survey.left_behind = report.left_behind
    report = as_interrupted(report, interrupts.exit_code)
    log.info("run.ended", exit_code=int(report.exit_code), **report.this_run.as_json())
    return report


def _confirm_create(given: Given, place: Place) -> None:
    """Ask before `--on-existing create` on a new ledger: it makes doubles of what others created.

    Raises:
        UsageError: there is nobody to ask, or the answer is no.
    """
    if given.text("on_existing") != "create" or given.is_on("yes"):
        return
    question = f"the ledger {shown_place(place)} is new, so --on-existing create may double what exists"
    fix = "add --yes if that is what you want; --on-existing hold shows what exists and sends nothing for it"
    if not sys.stdin.isatty() or given.wants_json:
        raise UsageError(question, fix=fix)
    if not click.confirm(f"{question}. Go on?", err=True):
        raise UsageError("not confirmed; nothing was sent", fix=fix)
