"""The body of `rotate`: rows are checked as for a run, then their parameters are sent."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.checking import opened, take_stock
from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.onboarding import check_specs
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.signals import listening
from bulkconn.cli.touring import auth_of, round_of, showing_tour, stop_of, travelling
from bulkconn.cli.wiring import make_world, run_async
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode
from bulkconn.core.plan import Reopen
from bulkconn.core.rotate_report import RotateGroup, RotateReport, rotate_exit_code
from bulkconn.core.rotation import Judgement, judge_rotation
from bulkconn.core.verify_report import VerifyReport, verify_exit_code
from bulkconn.engine.rotating import Rotator
from bulkconn.engine.verifying import Verifier
from bulkconn.report.rotation import render_rotation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.signals import Interrupts
    from bulkconn.cli.touring import Trip
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import RunId
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.report import Stop
    from bulkconn.engine.context import World

#: How a rotation calls itself in the settings of its run.
_COMMAND: Final = "rotate"
#: Rows compared with the ledger at a time.
_BATCH: Final = 200
#: Rows that are left or refused are all counted, and the first so many named.
_NAMED_MAX: Final = 1_000


def rotate(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn rotate` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    return run_async(lambda: _rotate(given, params["inventory"], world))


async def _rotate(given: Given, paths: Sequence[str], world: World) -> int:
    with listening() as interrupts, opened(given, paths, sys.stdin.buffer) as checked:
        async with travelling(given, world, interrupts, secrets=checked.references, paths=paths) as trip:
            report = await _check_and_rotate(trip, given, checked, interrupts)
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
        else:
            click.echo(render_rotation(report), err=report.exit_code is ExitCode.INVENTORY_INVALID)
    return int(report.exit_code)


async def _check_and_rotate(
    trip: Trip, given: Given, checked: Checked, interrupts: Interrupts
) -> RotateReport:
    # Nothing is sent before the work begins: until then a signal ends the command at once.
    interrupts.on_first = interrupts.on_second = None
    held = (trip.ledger, trip.service)
    specs = await check_specs(given, checked, held, trip.engine)
    await take_stock(checked, trip.ledger, specs, reopen=Reopen())
    skip_invalid = given.is_on("skip_invalid")
    if not checked.may_go_on(skip_invalid=skip_invalid):
        refusal = checked.refusal(ledger=None, skip_invalid=skip_invalid, duration_s=0.0)
        return _unbegun(trip, checked, refusal.exit_code, refusal.stopped)
    stop = None if specs is None else specs.stop(trip.engine.stops)
    if stop is not None:
        return _unbegun(trip, checked, ExitCode.STOPPED, stop)
    if specs is not None and specs.fresh:
        await trip.ledger.keep_specs(specs.fresh)
    checked.inventory.verify_unchanged()
    interrupts.on_first, interrupts.on_second = trip.tour.interrupt, trip.tour.cut
    return await Rotation(trip, given, checked).work(interrupts)


class Rotation:
    """One process's part of a rotation."""

    def __init__(self, trip: Trip, given: Given, checked: Checked) -> None:
        self._trip = trip
        self._given = given
        self._checked = checked
        self._round_id: RunId = trip.run.run_id
        self._skipped = self._left = self._refused = 0
        self._named: list[Diagnostic] = []

    async def work(self, interrupts: Interrupts) -> RotateReport:
        """Rotate what the round has left, verify if that was asked for, and report the whole round.

        Raises:
            LedgerError: the ledger could not be written.
            InventoryChanged: the inventory is not what was checked.
        """
        trip, run = self._trip, self._trip.run
        await self._begin()
        rotator = Rotator(run, trip.asker, trip.api, trip.ledger, round_id=self._round_id)
        counts = self._checked.survey.tally.counts
        total = sum(counts[name] for name in ("created", "adopted", "changed"))
        is_live = not self._given.wants_json
        references = self._checked.references
        references.log = run.log
        async with references, showing_tour(trip, total=total, verb="rotated", is_live=is_live):
            await trip.tour.visit(self._rows(), rotator.rotate)
        verification = None
        if self._given.is_on("verify") and not run.stops.is_stopping:
            verification = await self._verify(rotator.rotated + self._skipped)
        report = self._report(rotator, verification, interrupts)
        is_complete = report.stopped is None and not report.counts["pending"]
        summary = {**report.as_json(), "diagnostics": [], "is_complete": is_complete}
        await trip.ledger.end_run(run.run_id, run.clock.now(), summary)
        return report

    async def _begin(self) -> None:
        run, ledger = self._trip.run, self._trip.ledger
        said = {
            "inventories": list(self._checked.inventory.names),
            "adopted": self._given.is_on("adopted"),
        }
        now = run.clock.now()
        last = None if self._given.is_on("restart") else await ledger.last_run(_COMMAND)
        self._round_id = round_of(last, run.run_id, now, said)
        pace = run.settings.pace
        settings = {"command": _COMMAND, "round": self._round_id, **said}
        await ledger.begin_run(
            run.run_id, now, {**settings, "rate_per_s": pace.rate_per_s, "concurrency": pace.concurrency}
        )
        goes_on_with = None if self._round_id == run.run_id else self._round_id
        run.log.info("rotation.begun", goes_on_with=goes_on_with)

    async def _rows(self) -> AsyncIterator[tuple[Endpoint, LedgerRecord]]:
        """Read the inventory again; give what is to be rotated, count and name the rest."""
        ledger = self._trip.ledger
        endpoints = self._checked.endpoints()
        while batch := list(islice(endpoints, _BATCH)):
            keys = [one.key for one in batch]
            records = await ledger.records(keys)
            done = await ledger.rotated(self._round_id, keys)
            for endpoint in batch:
                record = records.get(endpoint.key)
                if endpoint.key in done:
                    self._skipped += 1
                elif self._may_rotate(endpoint, record) and record is not None:
                    yield endpoint, record

    def _may_rotate(self, endpoint: Endpoint, record: LedgerRecord | None) -> bool:
        judged = judge_rotation(endpoint, record, with_adopted=self._given.is_on("adopted"))
        if judged.judgement is Judgement.ROTATE:
            return True
        is_refused = judged.judgement is Judgement.REFUSED
        self._refused += is_refused
        self._left += not is_refused
        if len(self._named) < _NAMED_MAX:
            severity = Severity.ERROR if is_refused else Severity.WARNING
            message = f"{judged.judgement.value}: {judged.reason}"
            self._named.append(
                Diagnostic(severity, endpoint.file, message, judged.fix, row=endpoint.row, found=endpoint.key)
            )
        return False

    async def _verify(self, total: int) -> VerifyReport:
        trip, ledger, round_id = self._trip, self._trip.ledger, self._round_id
        verifier = Verifier(trip.run, trip.asker, trip.api, ledger, auth_of, round_id=round_id)
        trip.tour.done = 0
        before = trip.run.this_run.lookups
        async with showing_tour(trip, total=total, verb="verified", is_live=not self._given.wants_json):
            await trip.tour.visit(self._rotated_rows(), verifier.verify)
        counts, groups = await ledger.causes(round_id)
        unknown = max(0, total - sum(counts.values()))
        stopped = trip.run.stops.reported
        return VerifyReport(
            run_id=trip.run.run_id,
            ledger=trip.place,
            counts=counts,
            unknown=unknown,
            groups=groups,
            lookups=trip.run.this_run.lookups - before,
            duration_s=trip.duration_s,
            exit_code=verify_exit_code(counts, unknown, stopped=stopped),
            stopped=stopped,
        )

    async def _rotated_rows(self) -> AsyncIterator[LedgerRecord]:
        after = None
        while True:
            batch = await self._trip.ledger.rotated_unverified(self._round_id, after=after, limit=_BATCH)
            for record in batch:
                yield record
            if len(batch) < _BATCH:
                return
            after = batch[-1].key

    def _report(
        self, rotator: Rotator, verification: VerifyReport | None, interrupts: Interrupts
    ) -> RotateReport:
        trip, tally = self._trip, self._checked.survey.tally
        invalid = tally.counts["invalid"]
        rotated, failed = rotator.rotated + self._skipped, rotator.failed.total()
        done = rotated + failed + self._refused + self._left + invalid
        counts = {
            "rotated": rotated,
            "failed": failed,
            "refused": self._refused,
            "left": self._left,
            "pending": tally.rows - done,
            "invalid": invalid,
        }
        stopped, code = stop_of(trip, interrupts)
        return RotateReport(
            run_id=trip.run.run_id,
            ledger=trip.place,
            counts=counts,
            duration_s=trip.duration_s,
            exit_code=code or rotate_exit_code(counts, verification, stopped=stopped),
            patches=rotator.patches,
            lookups=trip.run.this_run.lookups,
            skipped=self._skipped,
            throttled=trip.run.this_run.throttled,
            groups=[
                RotateGroup(cause, rows, rotator.examples[cause])
                for cause, rows in rotator.failed.most_common()
            ],
            diagnostics=[*self._checked.diagnostics, *self._named],
            stopped=stopped,
            verification=verification,
        )


def _unbegun(trip: Trip, checked: Checked, code: ExitCode, stopped: Stop | None) -> RotateReport:
    """Give the report of a rotation that did not begin; nothing was sent."""
    tally = checked.survey.tally
    invalid = tally.counts["invalid"]
    return RotateReport(
        run_id=None,
        ledger=trip.place,
        counts={"pending": tally.rows - invalid, "invalid": invalid},
        duration_s=trip.duration_s,
        exit_code=code,
        lookups=trip.run.this_run.lookups,
        diagnostics=checked.diagnostics,
        stopped=stopped,
    )
