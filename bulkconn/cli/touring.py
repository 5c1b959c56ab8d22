"""Commands that visit the ledger's connections: ledger, session and engine, rounds, signals, progress."""

from __future__ import annotations

import dataclasses
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bulkconn.cli.progress import Frame, watching
from bulkconn.cli.wiring import (
    has_ledger,
    hold_ledger,
    ledger_place,
    new_run_id,
    open_service,
    shown_place,
    target_of,
)
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Stop
from bulkconn.engine.asking import Asker
from bulkconn.engine.lookup import Looker
from bulkconn.engine.run import Engine
from bulkconn.engine.tour import Tour
from bulkconn.report.words import duration
from bulkconn.sources import find_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime

    from bulkconn.cli.given import Given
    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.names import RunId
    from bulkconn.core.protocols import SecretResolver, UpkeepApi
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.source import AuthSpec
    from bulkconn.engine.context import RunContext, World
    from bulkconn.engine.service import Service
    from bulkconn.ledger.rounds import LastRun
    from bulkconn.ledger.stored import StoredLedger

#: A round that began longer ago is not gone on with: what it found is old.
_ROUND_AGE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Trip:
    """What a command that visits connections works with."""

    engine: Engine
    service: Service
    tour: Tour
    asker: Asker
    api: UpkeepApi
    ledger: StoredLedger
    place: str
    began_s: float

    @property
    def run(self) -> RunContext:
        """What the parts of its run share."""
        return self.engine.run

    @property
    def duration_s(self) -> float:
        """Seconds since it began."""
        return self.run.clock.elapsed_s() - self.began_s


@asynccontextmanager
async def travelling(
    given: Given,
    world: World,
    interrupts: Interrupts,
    *,
    secrets: SecretResolver,
    paths: Sequence[str] = (),
) -> AsyncIterator[Trip]:
    """Hold the ledger and open a session, for the length of the block; nothing is sent yet.

    `paths` are inventories, after whose first the ledger may be named.

    Raises:
        BulkconnError: there is no such ledger, or it or the session cannot be used.
    """
    place = ledger_place(given, paths)
    if not has_ledger(place):
        raise UsageError(f"no ledger at {place}", fix="give --ledger the path that `bulkconn run` printed")
    credentials = given.credentials()
    target = target_of(given, credentials.org_id)
    run_id = new_run_id(world.clock.now())
    world = dataclasses.replace(world, log=world.log.bind(run_id=run_id))
    async with open_service(given, credentials, world.clock) as service:
        ledger = await hold_ledger(place, target, given, world.clock)
        try:
            engine = Engine(
                run_id, given.upkeep_settings, ledger=ledger, service=service, secrets=secrets, world=world
            )
            run = engine.run
            tour = Tour(run)
            interrupts.on_first = tour.interrupt
            interrupts.on_second = tour.cut
            assert service.upkeep is not None  # noqa: S101 - `open_service` gives it
            yield Trip(
                engine,
                service,
                tour,
                Asker(run, Looker(run)),
                service.upkeep,
                ledger,
                shown_place(place),
                run.clock.elapsed_s(),
            )
        finally:
            await ledger.close()


def round_of(last: LastRun | None, run_id: RunId, now: datetime, said: Mapping[str, object]) -> RunId:
    """Say which round a run belongs to: one that was cut off and meant the same, else its own."""
    if last is None or last.summary.get("is_complete") is True or now - last.began_at > _ROUND_AGE:
        return run_id
    if any(last.settings.get(name) != value for name, value in said.items()):
        return run_id
    round_id = last.settings.get("round")
    return round_id if isinstance(round_id, str) else run_id  # type: ignore[return-value]  # a `RunId` by then


@asynccontextmanager
async def showing_tour(trip: Trip, *, total: int, verb: str, is_live: bool) -> AsyncIterator[None]:
    """Show how far a tour is, for the length of the block."""
    run, tour = trip.run, trip.tour

    def frame() -> Frame:
        pace = run.gate.pace
        parts = [
            f"{tour.done:,} of {total:,} {verb}",
            f"pace {pace.rate_per_s:.1f} of {pace.ceiling_per_s:g}/s",
        ]
        if run.gate.closed_for_s:
            parts.append(f"gate closed for {duration(run.gate.closed_for_s)}")
        elif 0 < tour.done < total:
            left_s = trip.duration_s / tour.done * (total - tour.done)
            parts.append(f"about {duration(left_s)} left")
        return Frame(total, tour.done, ", ".join(parts))

    def log() -> None:
        run.log.info("tour.progress", rows=total, done=tour.done, pace=round(run.gate.pace.rate_per_s, 2))

    async with watching(frame, log, is_live=is_live):
        yield


def stop_of(trip: Trip, interrupts: Interrupts) -> tuple[Stop | None, ExitCode | None]:
    """Say why a tour ended before its time, and with which exit code; (None, None) where it did not."""
    reported = trip.run.stops.reported
    if trip.run.stops.is_interrupted:
        code = interrupts.exit_code or ExitCode.INTERRUPTED
        said = "terminated (SIGTERM)" if code is ExitCode.TERMINATED else "interrupted"
        fix = "the ledger is whole: run the same command again, it goes on where it was"
        return reported or Stop(said, Scope.RUN, fix), code
    return reported, None if reported is None else ExitCode.STOPPED


def auth_of(record: LedgerRecord) -> AuthSpec | None:
    """Give the auth spec under which a row was created; None where this bulkconn does not know it."""
    source = find_source(record.source)
    for auth in source.auths if source else ():
        if (auth.platform_cloud, auth.auth) == (record.platform_cloud, record.auth):
            return auth
    return None
