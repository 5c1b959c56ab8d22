"""The body of `explore`: the tables of every connection, written as they are learnt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from bulkconn.cli.given import Given
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.secretstores import references_of
from bulkconn.cli.signals import listening
from bulkconn.cli.touring import showing_tour, stop_of, travelling
from bulkconn.cli.wiring import make_world, run_async
from bulkconn.core.errors import ExitCode
from bulkconn.core.exploring import EXPLORE_COLUMNS, explore_exit_code, explored_row
from bulkconn.core.lifecycle import State
from bulkconn.engine.exploring import Explorer
from bulkconn.report.export import ExportFormat, RowWriter, format_of, replacing
from bulkconn.report.summary import render_stop
from bulkconn.report.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.cli.signals import Interrupts
    from bulkconn.cli.touring import Trip
    from bulkconn.engine.context import World


def explore(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn explore` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    return run_async(lambda: _explore(given, world))


async def _explore(given: Given, world: World) -> int:
    out = None if given.text("out") in {None, "-"} else given.text("out")
    format_ = ExportFormat(given.params["format_"]) if given.params["format_"] else format_of(out)
    with listening() as interrupts:
        async with travelling(given, world, interrupts, secrets=references_of(given)) as trip:
            if out is not None:
                with replacing(Path(out)) as file:
                    return int(await _tour(trip, interrupts, file, format_))
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # real stdout
            # Should nobody read on, nobody wants to hear of it.
            code = ExitCode.OK
            with reader_may_leave():
                code = await _tour(trip, interrupts, sys.stdout, format_)
            return int(code)


async def _tour(trip: Trip, interrupts: Interrupts, file: TextIO, format_: ExportFormat) -> ExitCode:
    writer = RowWriter(EXPLORE_COLUMNS, format_, file)
    explorer = Explorer(
        trip.run,
        trip.asker,
        trip.api,
        lambda record, found: writer.write(explored_row(record, found)),
    )
    counts = (await trip.ledger.summary()).counts
    total = counts[State.CREATED] + counts[State.ADOPTED]
    async with showing_tour(trip, total=total, verb="explored", is_live=file is not sys.stdout):
        await trip.tour.visit(explorer.rows(trip.ledger), explorer.explore)
    writer.close()
    unvisited = total - explorer.explored - explorer.failed
    stopped, code = stop_of(trip, interrupts)
    tables, connections = plural(explorer.tables, "table"), plural(explorer.explored, "connection")
    lines = [f"explore: {tables} of {connections} in {duration(trip.duration_s)}"]
    if explorer.failed:
        lines.append(f"{plural(explorer.failed, 'connection')} failed: see error_code in what was written")
    if unvisited:
        lines.append(f"{plural(unvisited, 'connection')} not explored: what was written is not complete")
    if stopped is not None:
        lines += render_stop(stopped)
    click.echo("\n".join(lines), err=True)
    return code or explore_exit_code(failed=explorer.failed, unvisited=unvisited, stopped=stopped)
