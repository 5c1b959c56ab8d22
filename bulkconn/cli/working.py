"""The body of `worker`: a session to Flow Service, and shards from the queue until there is no more to do."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.checking import network_of
from bulkconn.cli.fleet_ledger import fleet_place
from bulkconn.cli.given import Given
from bulkconn.cli.logs import configure_logs
from bulkconn.cli.observing import observing
from bulkconn.cli.secretstores import references_of
from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import about_ledger, make_world, open_service, run_async, shown_place, target_of
from bulkconn.core.errors import ExitCode
from bulkconn.core.report import Report
from bulkconn.report.summary import render_stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.cli.signals import Interrupts
    from bulkconn.engine.context import World

#: Seconds that a worker has after its drain, to give back what it holds.
_GIVE_BACK_S: Final = 4.0


def worker(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn worker` was asked for, and give the exit code."""
    given = Given.of(params)
    world = make_world(configure_logs(given.text("log_format"), given.text("log_level") or "info"))
    return run_async(lambda: _work(given, world))


async def _work(given: Given, world: World) -> int:
    place = fleet_place(given)
    from bulkconn.fleet.shard_work import Means  # noqa: PLC0415 - an extra that may be missing
    from bulkconn.fleet.shared_pace import SharedPacer  # noqa: PLC0415 - likewise
    from bulkconn.fleet.worker import Worker, WorkerSettings  # noqa: PLC0415 - likewise

    credentials = given.credentials()
    settings = WorkerSettings(
        name=f"{socket.gethostname()}, process {os.getpid()}",
        queues=tuple(name.strip() for name in (given.text("queues") or "").split(",") if name.strip()),
        concurrency=int(given.number("shards")),
        max_tries=int(given.number("max_tries")),
        exit_when_idle=given.is_on("exit_when_idle"),
    )
    references = references_of(given)
    references.log = world.log
    with listening() as interrupts, about_ledger(place):
        target = target_of(given, credentials.org_id)
        pacer = SharedPacer(place, target, given.number("rate"), log=world.log)
        async with (
            open_service(given, credentials, world.clock) as service,
            references,
            pacer,
            observing(given, world, interrupts, pacer=pacer) as observed,
        ):
            means = Means(
                target=target,
                settings=given.run_settings,
                service=service,
                pace=pacer,
                secrets=references,
                world=observed.world,
                request_timeout_s=given.number("timeout"),
                schemes=references.schemes,
                network=network_of(given),
                meters=observed.meters,
            )
            made = Worker(place, settings, means, clock=world.clock, log=world.log)

            def end() -> None:
                made.interrupt()
                within_s = given.number("drain") + _GIVE_BACK_S
                asyncio.get_running_loop().call_later(within_s, _leave, interrupts, world)

            interrupts.on_first = end
            interrupts.on_second = made.cut
            world.log.info("worker.started", worker=settings.name, queues=list(settings.queues))
            began_s = world.clock.elapsed_s()
            exit_code = await made.run()
            report = Report(
                run_id=None,
                ledger=shown_place(place),
                counts=made.deeds.counts,
                this_run=made.deeds.this_run,
                duration_s=world.clock.elapsed_s() - began_s,
                exit_code=interrupts.exit_code or exit_code,
                stopped=made.stopped,
            )
            await observed.end(report)
    world.log.info("worker.ended", shards_done=made.shards_done)
    if made.stopped is not None:
        click.echo("\n".join(render_stop(made.stopped)).lstrip("\n"), err=True)
    return int(interrupts.exit_code or exit_code)


def _leave(interrupts: Interrupts, world: World) -> None:
    """End this process as SIGKILL would: a database that does not answer must not hold it beyond its time."""
    world.log.warning("worker.cut_off", reason="the ledger's database does not answer")
    sys.stderr.flush()
    # Threads that wait for the database cannot be ended otherwise. What is on its way is in doubt already.
    os._exit(interrupts.exit_code or ExitCode.TERMINATED)
