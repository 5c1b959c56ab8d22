"""The body of `settle`: looks up what is in doubt, and names that may still get a late twin."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from bulkconn.cli.given import Given
from bulkconn.cli.observing import observing
from bulkconn.cli.progress import configure_logs_of, may_draw, showing
from bulkconn.cli.reporting import as_interrupted, emit_run
from bulkconn.cli.secretstores import references_of
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
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.engine.audience import Audience
from bulkconn.engine.run import Engine
from bulkconn.ledger.paces import PaceKeeper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.report import Report
    from bulkconn.engine.context import World


def settle(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn settle` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs_of(given))
    return run_async(lambda: _settle(given, world))


async def _settle(given: Given, world: World) -> int:

    with listening() as interrupts:
        async with observing(given, world, interrupts) as observed:
            report = await look(given, observed.world, interrupts)
            emit_run(report, given, command="settle")
            await observed.end(report)
    return int(report.exit_code)


async def look(given: Given, world: World, interrupts: Interrupts) -> Report:
    """Settle what can be settled.

    Raises:
        BulkconnError: there is no such ledger, or it cannot be used.
    """
    place = ledger_place(given)
    if not has_ledger(place):
        raise UsageError(f"no ledger at {place}", fix="give --ledger the path that `bulkconn run` printed")
    credentials = given.credentials()
    target = target_of(given, credentials.org_id)
    run_id = new_run_id(world.clock.now())
    world = dataclasses.replace(world, log=world.log.bind(run_id=run_id))
    async with open_service(given, credentials, world.clock) as service:
        ledger = await hold_ledger(place, target, given, world.clock)
        paces = PaceKeeper(ledger)
        try:
            engine = Engine(
                run_id,
                given.run_settings,
                ledger=ledger,
                service=service,
                secrets=references_of(given),
                world=Audience.joined(world, paces),
            )
            interrupts.on_first = engine.interrupt
            interrupts.on_second = engine.cut
            async with showing(engine, to_send=0, is_live=may_draw(given)):
                report = await engine.settle()
        finally:
            await paces.close()
            await ledger.close()
    report = as_interrupted(report, interrupts.exit_code)
    return dataclasses.replace(report, ledger=shown_place(place), exit_code=_exit_code(report))


def _exit_code(report: Report) -> ExitCode:
    """Say whether anything is in doubt still; rows that wait for a run do not count here."""
    if report.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        return report.exit_code
    if report.stopped is not None:
        return ExitCode.STOPPED
    return ExitCode.ROWS_UNFINISHED if report.counts.get("in_doubt", 0) else ExitCode.OK
