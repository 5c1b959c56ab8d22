"""The body of `check`: every valid row is tried from this machine, and each answer goes out as it comes."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.checking import opened
from bulkconn.cli.destination import Destination
from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.progress import Frame, watching
from bulkconn.cli.reporting import emit_refusal, note_warnings
from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import run_async
from bulkconn.core.endpoint import SecretStoreDown
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.reach import ROW_KEYS, Result
from bulkconn.core.reach_report import ReachReport, ReachTally
from bulkconn.core.report import Stop
from bulkconn.probe.approach import Protocol, approach_of
from bulkconn.probe.drivers import load_probes
from bulkconn.probe.prober import Prober
from bulkconn.probe.settings import ProbeSettings
from bulkconn.report.export import ExportFormat
from bulkconn.report.reach import render_reach
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from structlog.typing import FilteringBoundLogger

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.reach import Row
    from bulkconn.report.export import RowWriter


_AGAIN: Final = "nothing was changed anywhere: the same command begins anew"


@dataclass(slots=True)
class _Work:
    """A check under way."""

    checked: Checked
    prober: Prober
    total: int
    tally: ReachTally
    log: FilteringBoundLogger

    def frame(self) -> Frame:
        """Give what a terminal shows."""
        counts, done = self.tally.counts, self.tally.rows
        text = (
            f"{done:,} of {self.total:,} checked, {counts[Result.OK]:,} ok, "
            f"{counts[Result.FAILED]:,} failed, {counts[Result.NOT_CHECKED]:,} not checked\n"
            f"{self.prober.in_flight:,} being tried"
        )
        return Frame(self.total, done, text)

    def note_progress(self) -> None:
        """Write what a log shows."""
        counts = {result.value: rows for result, rows in self.tally.counts.items()}
        self.log.info("check.progress", rows=self.total, done=self.tally.rows, **counts)


def check(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn check` was asked for, and give the exit code."""
    given = Given.of(params)
    destination = Destination.of(params, is_json=given.wants_json)
    log = configure_logs(given.text("log_format"), given.text("log_level") or "info")
    return run_async(lambda: _check(given, params["inventory"], destination, log))


async def _check(
    given: Given, paths: Sequence[str], destination: Destination, log: FilteringBoundLogger
) -> int:
    began_s = asyncio.get_running_loop().time()
    with listening(fix=_AGAIN) as interrupts, opened(given, paths, sys.stdin.buffer) as checked:
        total, protocols = await _take_stock(checked)
        if not checked.may_go_on(skip_invalid=given.is_on("skip_invalid")):
            return _refuse(given, checked, total, asyncio.get_running_loop().time() - began_s)
        probes = load_probes(protocols)
        checked.inventory.verify_unchanged()
        note_warnings(checked.diagnostics, given)
        settings = ProbeSettings(
            int(given.number("concurrency")), int(given.number("per_host")), given.number("timeout")
        )
        work = _Work(checked, Prober(probes, checked.references, settings), total, ReachTally(), log)
        interrupts.on_first = work.prober.stop
        checked.references.log = log
        log.info("check.started", rows=total)
        stopped: Stop | None = None
        # A reader that leaves gets no more rows; the exit code must come through all the same.
        with reader_may_leave(), destination.opened(ROW_KEYS) as writer:
            async with (
                checked.references,
                watching(work.frame, work.note_progress, is_live=not given.wants_json),
            ):
                stopped = await _probe(work, writer, destination.format)
        report = _report(work, stopped, interrupts, asyncio.get_running_loop().time() - began_s)
    log.info("check.ended", exit_code=int(report.exit_code), probes=work.tally.probes, **report.counts)
    _emit(report, given, destination)
    return int(report.exit_code)


async def _take_stock(checked: Checked) -> tuple[int, set[Protocol]]:
    """Read everything once; give the number of valid rows, and what must be spoken to check them."""
    total, protocols = 0, set[Protocol]()
    for endpoints in checked.check.first_pass():
        total += len(endpoints)
        protocols.update(approach_of(endpoint.source).protocol for endpoint in endpoints)
        # Reading is not awaited, so this is where a signal is heard.
        await asyncio.sleep(0)
    return total, protocols


async def _probe(work: _Work, writer: RowWriter | None, format_: ExportFormat | None) -> Stop | None:
    """Check every row, and give why it ended before its time."""
    try:
        await _probe_each(work, writer, format_)
    except SecretStoreDown as error:
        return Stop(str(error), Scope.RUN, error.fix)
    return None


async def _probe_each(work: _Work, writer: RowWriter | None, format_: ExportFormat | None) -> None:
    async with aclosing(work.prober.reaches(work.checked.endpoints())) as rows:
        async for row in rows:
            work.tally.add(row)
            shown = row.as_mapping()
            work.log.debug(
                "row.checked",
                endpoint_key=row.endpoint.key,
                outcome=shown["result"],
                cause=shown["cause"],
                seconds=shown["seconds"],
            )
            if writer is not None:
                writer.write(_cells(shown) if format_ is ExportFormat.CSV else shown)


def _cells(row: Row) -> Row:
    """Give a row for a CSV, which knows no booleans: `true` and `false`, as JSON has them."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in row.items()}


def _report(work: _Work, stopped: Stop | None, interrupts: Interrupts, duration_s: float) -> ReachReport:
    tally, invalid = work.tally, work.checked.check.invalid
    exit_code = ExitCode.OK if stopped is None else ExitCode.STOPPED
    if interrupts.exit_code is not None:
        exit_code = interrupts.exit_code
        what = "terminated (SIGTERM)" if exit_code is ExitCode.TERMINATED else "interrupted"
        stopped = Stop(what, Scope.RUN, _AGAIN)
    elif stopped is None and (tally.counts[Result.FAILED] or invalid):
        exit_code = ExitCode.ROWS_UNFINISHED
    return ReachReport(
        tally,
        duration_s,
        exit_code,
        invalid=invalid,
        left=work.total - tally.rows,
        diagnostics=work.checked.diagnostics,
        stopped=stopped,
    )


def _refuse(given: Given, checked: Checked, total: int, duration_s: float) -> int:
    """Tell what is wrong with the inventory: nothing was tried."""
    refusal = checked.refusal(ledger=None, skip_invalid=given.is_on("skip_invalid"), duration_s=duration_s)
    report = ReachReport(
        ReachTally(),
        duration_s,
        refusal.exit_code,
        invalid=checked.check.invalid,
        left=total,
        diagnostics=refusal.diagnostics,
        stopped=refusal.stopped,
    )
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
        else:
            emit_refusal(refusal)
    return int(report.exit_code)


def _emit(report: ReachReport, given: Given, destination: Destination) -> None:
    """Print the report: where rows went to stdout, it goes to stderr."""
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
            return
        text = render_reach(report)
        if destination.path is not None:
            text += f"\n\n{plural(report.tally.rows, 'row')} written to {destination.path}"
        click.echo(text, err=destination.takes_stdout)
