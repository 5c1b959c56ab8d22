"""The body of `dedupe`: look, say, ask for each, delete, and let rows that are alone be created again."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from bulkconn.cli.checking import opened, take_stock
from bulkconn.cli.failure import print_json
from bulkconn.cli.given import Given
from bulkconn.cli.ledgers import LedgerView
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.pipes import reader_may_leave
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
from bulkconn.core.dedupe import DedupeReport, Double, Fate, count_fates, dedupe_exit_code
from bulkconn.core.diff import KeySet
from bulkconn.core.errors import ExitCode, InventoryInvalid, UsageError
from bulkconn.core.lifecycle import State
from bulkconn.core.names import EndpointKey
from bulkconn.core.outcome import Scope
from bulkconn.core.plan import Reopen
from bulkconn.core.report import Stop, Tally, ThisRun
from bulkconn.engine.dedupe import Deduper, DoubleFinder
from bulkconn.engine.looking import serving
from bulkconn.engine.lookup import Looker
from bulkconn.engine.removing import Remover
from bulkconn.engine.run import Engine
from bulkconn.engine.tour import Tour
from bulkconn.engine.uses import UseLooker
from bulkconn.ledger import queries
from bulkconn.ledger.opening import check_target
from bulkconn.ledger.places import open_read_only
from bulkconn.report.dedupe import render_bearer, render_dedupe, render_double
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.dedupe import Bearer
    from bulkconn.core.names import LedgerId
    from bulkconn.core.protocols import Ledger
    from bulkconn.engine.context import World
    from bulkconn.engine.service import Service
    from bulkconn.ledger.locate import Place
    from bulkconn.secretrefs.resolver import References

    _Jobs = list[tuple[Double, list[Bearer]]]

_T = TypeVar("_T")

_BATCH: Final = 200


@dataclasses.dataclass(slots=True)
class _Found:
    """What the look found: names of the inventory that several connections bear, and held rows of it."""

    names: KeySet = dataclasses.field(default_factory=KeySet)
    sandboxes: dict[str, None] = dataclasses.field(default_factory=dict)
    held: list[EndpointKey] = dataclasses.field(default_factory=list)
    doubles: list[Double] = dataclasses.field(default_factory=list)
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    this_run: ThisRun = dataclasses.field(default_factory=ThisRun)
    stopped: Stop | None = None

    def is_wanted(self, sandbox: str, loose: str, spec_id: str) -> bool:
        """Tell whether the inventory has this name."""
        return _name_key(sandbox, loose, spec_id) in self.names


def dedupe(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn dedupe` was asked for, and give the exit code."""
    given = Given.of(params)
    paths = params["inventory"]
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    place = ledger_place(given, paths)
    if not has_ledger(place):
        raise UsageError(
            f"no ledger at {place}: without one nobody knows which connections are yours",
            fix="give --ledger the path that `bulkconn run` printed",
        )
    began_s = world.clock.elapsed_s()
    found = _Found()
    run_async(lambda: _look(given, paths, place, world, found))
    jobs: _Jobs = []
    if found.stopped is None and not given.is_on("dry_run"):
        jobs = _choose(given, found.doubles)
    report = _report(given, place, found)
    if jobs or (found.held and found.stopped is None and not given.is_on("dry_run")):
        reports: list[DedupeReport] = []
        run_async(lambda: _work(given, place, world, (found, jobs), reports))
        report = reports[0]
    report = dataclasses.replace(report, duration_s=world.clock.elapsed_s() - began_s)
    with reader_may_leave():
        if given.wants_json:
            print_json(report.as_json())
        else:
            click.echo(render_dedupe(report))
    return int(report.exit_code)


async def _look(given: Given, paths: Sequence[str], place: Place, world: World, found: _Found) -> int:
    credentials = given.credentials()
    with listening(), opened(given, paths, sys.stdin.buffer, looks_for_secrets=False) as checked:
        async with AsyncExitStack() as stack:
            store = stack.enter_context(closing(open_read_only(place)))
            check_target(store.info.target, target_of(given, credentials.org_id), shown_place(place))
            view = LedgerView(store).as_ledger()
            await take_stock(checked, view, reopen=Reopen())
            if not checked.may_go_on(skip_invalid=given.is_on("skip_invalid")):
                raise InventoryInvalid(
                    f"{plural(checked.errors, 'error')} in the inventory; nothing was looked up",
                    fix="correct what is listed, or go on without these rows with --skip-invalid",
                    diagnostics=checked.diagnostics,
                )
            await _take_names(checked, view, found)
            service = await stack.enter_async_context(open_service(given, credentials, world.clock))
            engine = _engine(given, world, view, service, checked.references)
            await _find(engine, service, store.info.ledger_id, found)
            summary = store.read(queries.read_summary)
            found.counts = _counts(summary.counts)
            found.this_run = engine.run.this_run
            found.stopped = found.stopped or engine.stops.reported
    return 0


async def _take_names(checked: Checked, ledger: Ledger, found: _Found) -> None:
    """Remember the inventory's names, sandboxes, and rows that are held although they have an id."""
    keys: list[EndpointKey] = []

    async def look_up() -> None:
        records = await ledger.records(keys)
        found.held += [
            key for key, one in records.items() if one.state is State.HELD and one.connection_id is not None
        ]
        keys.clear()

    for endpoint in checked.endpoints():
        found.names.add(_name_key(endpoint.sandbox, endpoint.loose_name, endpoint.connection_spec_id))
        found.sandboxes[endpoint.sandbox] = None
        keys.append(endpoint.key)
        if len(keys) == _BATCH:
            await look_up()
    await look_up()


async def _find(engine: Engine, service: Service, ledger_id: LedgerId, found: _Found) -> None:
    run = engine.run
    looker = Looker(run)
    assert service.upkeep is not None  # noqa: S101 - `open_service` gives it
    finder = DoubleFinder(run, looker, UseLooker(run, looker, service.upkeep), ledger_id)
    async with serving(run):
        for sandbox in found.sandboxes:
            doubles = await finder.find(
                sandbox,
                lambda loose, spec_id, sandbox=sandbox: found.is_wanted(sandbox, loose, spec_id),  # type: ignore[misc]  # a default
            )
            if doubles is None:
                found.stopped = engine.stops.reported or Stop(
                    f"the connections of sandbox {sandbox} could not be listed",
                    Scope.SANDBOX,
                    "run the same command again later",
                )
                return
            found.doubles += doubles


def _choose(given: Given, doubles: Sequence[Double]) -> _Jobs:
    """Ask for every spare connection, or take them all with --yes.

    Raises:
        UsageError: there is nobody to ask.
    """
    spare = sum(one.fate is Fate.SPARE for double in doubles for one in double.bearers)
    is_sure = given.is_on("yes")
    if spare and not is_sure and (given.wants_json or not sys.stdin.isatty()):
        raise UsageError(
            f"{plural(spare, 'connection')} may be deleted, and there is nobody to ask",
            fix="look at them with --dry-run, then add --yes",
        )
    jobs: _Jobs = []
    for double in doubles:
        bearers = [one for one in double.bearers if one.fate is Fate.SPARE]
        if bearers and not is_sure:
            click.echo(render_double(double), err=True)
            bearers = [one for one in bearers if _says_yes(one)]
        if bearers:
            jobs.append((double, bearers))
    return jobs


def _says_yes(bearer: Bearer) -> bool:
    return click.confirm(f"Delete {render_bearer(bearer)}?", err=True)


async def _work(
    given: Given, place: Place, world: World, what: tuple[_Found, _Jobs], reports: list[DedupeReport]
) -> int:
    with listening() as interrupts:
        reports.append(await _delete(given, place, world, what, interrupts))
    return 0


async def _delete(
    given: Given, place: Place, world: World, what: tuple[_Found, _Jobs], interrupts: Interrupts
) -> DedupeReport:
    found, jobs = what
    credentials = given.credentials()
    target = target_of(given, credentials.org_id)
    async with open_service(given, credentials, world.clock) as service:
        ledger = await hold_ledger(place, target, given, world.clock)
        try:
            engine = _engine(given, world, ledger, service, references_of(given))
            run = engine.run
            await ledger.begin_run(run.run_id, run.clock.now(), {"command": "dedupe"})
            looker = Looker(run)
            assert service.upkeep is not None  # noqa: S101 - `open_service` gives it
            remover = Remover(run, looker, service.upkeep)
            uses = UseLooker(run, looker, service.upkeep)
            deduper, tour = Deduper(run, looker, uses, remover, service.upkeep), Tour(run)
            interrupts.on_first, interrupts.on_second = tour.interrupt, tour.cut
            await tour.visit(_each(jobs), deduper.dedupe)
            await Tour(run).visit(_each(found.held), lambda key: deduper.settle(key, found.doubles))
            summary = await ledger.summary()
            found.counts = _counts(summary.counts)
            found.this_run.lookups += run.this_run.lookups
            found.this_run.throttled += run.this_run.throttled
            found.stopped = run.stops.reported
            report = dataclasses.replace(
                _report(given, place, found),
                run_id=run.run_id,
                settled_rows=deduper.settled_rows,
                deletes=remover.deletes,
            )
            if run.stops.is_interrupted:
                report = dataclasses.replace(report, exit_code=ExitCode.INTERRUPTED)
            await ledger.end_run(
                run.run_id, run.clock.now(), dataclasses.replace(report, doubles=()).as_json()
            )
        finally:
            await ledger.close()
    shown = as_interrupted(report, interrupts.exit_code)
    assert isinstance(shown, DedupeReport)  # noqa: S101 - it was one
    return shown


def _engine(given: Given, world: World, ledger: Ledger, service: Service, references: References) -> Engine:
    run_id = new_run_id(world.clock.now())
    world = dataclasses.replace(world, log=world.log.bind(run_id=run_id))
    return Engine(
        run_id, given.upkeep_settings, ledger=ledger, service=service, secrets=references, world=world
    )


def _report(given: Given, place: Place, found: _Found) -> DedupeReport:
    return DedupeReport(
        run_id=None,
        ledger=shown_place(place),
        counts=found.counts,
        this_run=found.this_run,
        duration_s=0.0,
        exit_code=dedupe_exit_code(found.doubles, stopped=found.stopped),
        stopped=found.stopped,
        doubles=found.doubles,
        is_dry_run=given.is_on("dry_run"),
        fates=count_fates(found.doubles),
    )


async def _each(items: Sequence[_T]) -> AsyncIterator[_T]:
    for one in items:
        yield one


def _counts(counts: Mapping[State, int]) -> Mapping[str, int]:
    return Tally({state.value: rows for state, rows in counts.items()}).counts


def _name_key(sandbox: str, loose: str, spec_id: str) -> EndpointKey:
    return EndpointKey(f"{sandbox}\0{spec_id}\0{loose}")
