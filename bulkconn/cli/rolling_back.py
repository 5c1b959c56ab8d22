"""The body of `rollback`: the list first, then a question, then the work, resumable at any moment."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, cast

import click

from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.pages import Pages, of_store
from bulkconn.cli.pipes import reader_may_leave
from bulkconn.cli.progress import Frame, watching
from bulkconn.cli.reporting import as_interrupted
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
from bulkconn.core.lifecycle import State
from bulkconn.core.names import RunId
from bulkconn.core.report import Tally, ThisRun
from bulkconn.core.rollback import Delete, Spared, rollback_exit_code
from bulkconn.core.rollback_report import RollbackReport
from bulkconn.engine.lookup import Looker
from bulkconn.engine.removing import Remover
from bulkconn.engine.rollback import KEPT_MAX, Choice, Chosen, Rollback
from bulkconn.engine.run import Engine
from bulkconn.engine.tour import Tour
from bulkconn.ledger import queries, rollbacks
from bulkconn.ledger.places import open_read_only
from bulkconn.report.rollback import render_listed, render_rollback
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.record import LedgerRecord
    from bulkconn.engine.context import World
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.locate import Place

    _Ask = Callable[[Callable[[Database], Any]], Awaitable[Any]]

#: Rows of the list that are shown before the question; a dry run shows them all.
_SHOWN: Final = 100


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    """What a rollback is about."""

    given: Given
    place: Place
    states: frozenset[State]
    run_id: RunId | None

    @property
    def is_filtered(self) -> bool:
        """Whether only some of the states are meant."""
        return self.given.params.get("state") not in {None, ()}


def rollback(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn rollback` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    place = ledger_place(given)
    if not has_ledger(place):
        raise UsageError(f"no ledger at {place}", fix="give --ledger the path that `bulkconn run` printed")
    states = frozenset(State(one) for one in params.get("state") or ("created", "held"))
    run_id = given.text("run")
    asked = _Asked(given, place, states, None if run_id is None else RunId(run_id))
    began_s = world.clock.elapsed_s()
    # Nothing is held while somebody thinks about the list.
    chosen, listed, counts = asyncio.run(_look(asked))
    if given.is_on("dry_run") or not chosen.rows:
        duration_s = world.clock.elapsed_s() - began_s
        report = _before(asked, chosen, listed if given.is_on("dry_run") else (), counts, duration_s)
        if not given.wants_json and listed:
            click.echo(render_listed(listed, chosen.rows))
        return _emit(report, given)
    _confirm(given, chosen, listed)
    return run_async(lambda: _work(asked, chosen, world))


async def _look(asked: _Asked) -> tuple[Chosen, list[dict[str, Any]], dict[str, int]]:
    with closing(open_read_only(asked.place)) as store:
        if asked.run_id is not None and not store.read(
            lambda db: rollbacks.has_run(db, RunId(str(asked.run_id)))
        ):
            raise UsageError(
                f"the ledger has no run {asked.run_id}",
                fix="give the id that `bulkconn run` printed and `bulkconn status` shows",
            )
        choice = Choice(of_store(store), asked.states, asked.run_id)
        chosen = await choice.choose(asks_for_doubts=not asked.is_filtered)
        limit = KEPT_MAX if asked.given.is_on("dry_run") else _SHOWN
        listed: list[dict[str, Any]] = []
        async for record, decision in choice.decisions(chosen):
            if len(listed) == limit:
                break
            if isinstance(decision, Delete):
                listed.append(_listed(record, decision))
        summary = store.read(queries.read_summary)
    return chosen, listed, Tally({state.value: rows for state, rows in summary.counts.items()}).counts


def _listed(record: LedgerRecord, decision: Delete) -> dict[str, Any]:
    return {
        "key": record.key,
        "name": record.name,
        "source": record.source,
        "sandbox": record.sent_as.sandbox if record.sent_as else record.sandbox,
        "state": record.state.value,
        "connection_ids": list(decision.ids),
    }


def _confirm(given: Given, chosen: Chosen, listed: Sequence[Mapping[str, Any]]) -> None:
    """Show the list and ask.

    Raises:
        UsageError: there is nobody to ask, or the answer is no.
    """
    what = f"{plural(chosen.connections, 'connection')} of {plural(chosen.rows, 'row')}"
    if given.is_on("yes"):
        return
    if not sys.stdin.isatty() or given.wants_json:
        raise UsageError(
            f"{what} would be deleted, and there is nobody to ask",
            fix="look at the list with --dry-run, then add --yes",
        )
    click.echo(render_listed(listed, chosen.rows), err=True)
    if not click.confirm(f"Delete {what} in Experience Platform?", err=True):
        raise UsageError("not confirmed; nothing was deleted", fix="--dry-run shows the list without asking")


async def _work(asked: _Asked, expected: Chosen, world: World) -> int:
    with listening() as interrupts:
        report = await _roll_back(asked, expected, world, interrupts)
    return _emit(report, asked.given)


async def _roll_back(asked: _Asked, expected: Chosen, world: World, interrupts: Interrupts) -> RollbackReport:
    given, began_s = asked.given, world.clock.elapsed_s()
    credentials = given.credentials()
    target = target_of(given, credentials.org_id)
    run_id = new_run_id(world.clock.now())
    world = dataclasses.replace(world, log=world.log.bind(run_id=run_id))
    async with open_service(given, credentials, world.clock) as service:
        ledger = await hold_ledger(asked.place, target, given, world.clock)
        try:
            secrets = references_of(given)
            engine = Engine(
                run_id, given.upkeep_settings, ledger=ledger, service=service, secrets=secrets, world=world
            )
            choice = Choice(Pages(ledger.ask), asked.states, asked.run_id)
            chosen = await choice.choose(asks_for_doubts=not asked.is_filtered)
            if chosen.digest != expected.digest:
                raise UsageError(
                    "the ledger moved on while the list was shown; nothing was deleted",
                    fix="run the same command again and look at the list anew",
                )
            run = engine.run
            settings = {"command": "rollback", "states": sorted(asked.states), "run": asked.run_id}
            await ledger.begin_run(run_id, run.clock.now(), settings)
            assert service.upkeep is not None  # noqa: S101 - `open_service` gives it
            remover = Remover(run, Looker(run), service.upkeep)
            work, tour = Rollback(run, remover), Tour(run)
            interrupts.on_first, interrupts.on_second = tour.interrupt, tour.cut
            run.log.info("rollback.started", rows=chosen.rows, connections=chosen.connections)

            def frame() -> Frame:
                kept = sum(work.done.kept.values())
                return Frame(chosen.rows, tour.done, f"{work.done.deleted:,} deleted, {kept:,} kept")

            def log() -> None:
                run.log.info("rollback.progress", rows=chosen.rows, deleted=work.done.deleted)

            async with watching(frame, log, is_live=not given.wants_json):
                await tour.visit(_jobs(choice, chosen), work.roll_back)
            summary = await ledger.summary()
            counts = Tally({state.value: rows for state, rows in summary.counts.items()}).counts
            report = _after(asked, chosen, work, counts)
            report = dataclasses.replace(
                report,
                run_id=run_id,
                this_run=run.this_run,
                stopped=run.stops.reported,
                deletes=remover.deletes,
                duration_s=world.clock.elapsed_s() - began_s,
            )
            report = dataclasses.replace(report, exit_code=_exit_code(report, run.stops.is_interrupted))
            kept_short = dataclasses.replace(report, kept_rows=())
            await ledger.end_run(run_id, run.clock.now(), kept_short.as_json())
        finally:
            await ledger.close()
    return cast("RollbackReport", as_interrupted(report, interrupts.exit_code))


async def _jobs(choice: Choice, chosen: Chosen) -> AsyncIterator[tuple[LedgerRecord, Delete]]:
    async for record, decision in choice.decisions(chosen):
        if isinstance(decision, Delete):
            yield record, decision


def _exit_code(report: RollbackReport, is_interrupted: bool) -> ExitCode:
    if is_interrupted:
        return ExitCode.INTERRUPTED
    kept = sum(report.kept.values())
    return rollback_exit_code(kept=kept, left=report.left, in_doubt=report.in_doubt, stopped=report.stopped)


def _before(
    asked: _Asked,
    chosen: Chosen,
    listed: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    duration_s: float,
) -> RollbackReport:
    """Give the report of a rollback that deletes nothing: a dry run, or one without rows."""
    is_dry = asked.given.is_on("dry_run")
    code = rollback_exit_code(kept=chosen.spared_rows, left=0, in_doubt=chosen.in_doubt, stopped=None)
    return RollbackReport(
        run_id=None,
        ledger=shown_place(asked.place),
        counts=counts,
        this_run=ThisRun(),
        duration_s=duration_s,
        exit_code=ExitCode.OK if is_dry else code,
        chosen=chosen.rows,
        kept={Spared.NOT_CERTAINLY_OURS: chosen.spared_rows},
        in_doubt=chosen.in_doubt,
        is_dry_run=is_dry,
        kept_rows=chosen.spared,
        listed=listed,
    )


def _after(asked: _Asked, chosen: Chosen, work: Rollback, counts: Mapping[str, int]) -> RollbackReport:
    done = work.done
    left = chosen.rows - done.deleted - sum(done.kept.values())
    kept = {**done.kept, Spared.NOT_CERTAINLY_OURS: chosen.spared_rows}
    return RollbackReport(
        run_id=None,
        ledger=shown_place(asked.place),
        counts=counts,
        this_run=ThisRun(),
        duration_s=0.0,
        exit_code=ExitCode.OK,
        chosen=chosen.rows,
        deleted=done.deleted,
        already_gone=done.gone,
        kept=kept,
        left=left,
        in_doubt=chosen.in_doubt,
        kept_rows=[*chosen.spared, *done.kept_rows][:KEPT_MAX],
    )


def _emit(report: RollbackReport, given: Given) -> int:
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
        else:
            click.echo(render_rollback(report))
    return int(report.exit_code)
