"""The body of `verify`: every connection of a ledger is looked at and tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.secretstores import references_of
from bulkconn.cli.signals import listening
from bulkconn.cli.touring import auth_of, round_of, showing_tour, stop_of, travelling
from bulkconn.cli.wiring import make_world, run_async
from bulkconn.core.verify_report import VerifyReport, verify_exit_code
from bulkconn.engine.verifying import Verifier
from bulkconn.report.verification import render_verification

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.cli.signals import Interrupts
    from bulkconn.cli.touring import Trip
    from bulkconn.engine.context import World

#: How a verification calls itself in the settings of its run.
_COMMAND = "verify"


def verify(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn verify` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    return run_async(lambda: _verify(given, world))


async def _verify(given: Given, world: World) -> int:
    with listening() as interrupts:
        async with travelling(given, world, interrupts, secrets=references_of(given)) as trip:
            report = await verify_ledger(trip, given, interrupts)
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
        else:
            click.echo(render_verification(report))
    return int(report.exit_code)


async def verify_ledger(trip: Trip, given: Given, interrupts: Interrupts) -> VerifyReport:
    """Verify what a round has left, and report the whole round.

    Raises:
        LedgerError: the ledger could not be written.
    """
    run, ledger = trip.run, trip.ledger
    only_failing = given.text("only") is not None
    said = {"only_failing": only_failing}
    now = run.clock.now()
    last = None if given.is_on("restart") else await ledger.last_run(_COMMAND)
    round_id = round_of(last, run.run_id, now, said)
    settings = {
        "command": _COMMAND,
        "round": round_id,
        **said,
        "rate_per_s": run.settings.pace.rate_per_s,
        "concurrency": run.settings.pace.concurrency,
    }
    await ledger.begin_run(run.run_id, now, settings)
    counts, _ = await ledger.causes(round_id)
    verified_before = sum(counts.values())
    total = await ledger.count_unverified(round_id, only_failing=only_failing)
    run.log.info("verification.begun", rows=total, goes_on_with=None if round_id == run.run_id else round_id)
    verifier = Verifier(run, trip.asker, trip.api, ledger, auth_of, round_id=round_id)
    async with showing_tour(trip, total=total, verb="verified", is_live=not given.wants_json):
        await trip.tour.visit(verifier.rows(only_failing=only_failing), verifier.verify)
    counts, groups = await ledger.causes(round_id)
    unknown = await ledger.count_unverified(round_id, only_failing=only_failing)
    stopped, code = stop_of(trip, interrupts)
    report = VerifyReport(
        run_id=run.run_id,
        ledger=trip.place,
        counts=counts,
        unknown=unknown,
        groups=groups,
        lookups=run.this_run.lookups,
        duration_s=trip.duration_s,
        exit_code=code or verify_exit_code(counts, unknown, stopped=stopped),
        stopped=stopped,
        verified_before=verified_before,
    )
    is_complete = stopped is None and not unknown
    await ledger.end_run(run.run_id, run.clock.now(), {**report.as_json(), "is_complete": is_complete})
    return report
