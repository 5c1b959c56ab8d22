"""Who hears of a run besides its log: events, metrics, a hook. Their trouble is never the run's."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from yarl import URL

from bulkconn.cli.failure import failed_report
from bulkconn.cli.metering import metering
from bulkconn.cli.tracing import tracing
from bulkconn.core.errors import BulkconnError, ExitCode, InventoryInvalid, UsageError
from bulkconn.core.facts import RunEnded
from bulkconn.core.names import RunId
from bulkconn.engine.audience import Audience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from bulkconn.cli.given import Given
    from bulkconn.cli.signals import Interrupts
    from bulkconn.core.protocols import PaceShown
    from bulkconn.core.report import Report
    from bulkconn.engine.context import World
    from bulkconn.metrics.meters import Meters


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """A world in which somebody listens, and how they are told the end."""

    world: World
    audience: Audience
    interrupts: Interrupts
    hook: URL | None
    meters: Meters | None = None

    async def end(self, report: Report) -> None:
        """Tell everybody how it ended; a hook that does not take it is a warning."""
        run_id = None if report.run_id is None else RunId(report.run_id)
        fact, at = RunEnded(report.as_json()), self.world.clock.now()
        self.audience.hear(fact, at, run_id)
        if self.hook is None:
            return
        from bulkconn.events.lines import as_event  # noqa: PLC0415 - only where there is a hook
        from bulkconn.events.notify import notify  # noqa: PLC0415 - likewise
        from bulkconn.flowservice.proxy import proxy_of  # noqa: PLC0415 - likewise

        event = as_event(fact, at, run_id) or {}
        is_hurried = report.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}
        task = asyncio.create_task(notify(self.hook, event, proxy_of, is_hurried=is_hurried))

        def give_up() -> None:
            # Whoever is impatient now gives the hook up, and nothing else.
            task.cancel()

        self.interrupts.on_first = self.interrupts.on_second = give_up
        await asyncio.wait({task})
        # What went wrong is told by its kind alone: a text may hold the address.
        why = "given up" if task.cancelled() else task.result() if task.exception() is None else "it failed"
        if why is not None:
            self.world.log.warning("notify.failed", host=self.hook.host, reason=why)


@asynccontextmanager
async def observing(
    given: Given,
    world: World,
    interrupts: Interrupts,
    *,
    paths: Sequence[str] = (),
    pacer: PaceShown | None = None,
) -> AsyncIterator[Observed]:
    """Let those listen whom the user asked for, for the length of the block, and tell them if it fails.

    `pacer` is a worker's, for its meters.

    Raises:
        UsageError: the events cannot be written there, or the hook is no address to send them to.
    """
    audience = Audience(world.log)
    observed = Observed(dataclasses.replace(world, listener=audience), audience, interrupts, _hook(given))
    async with AsyncExitStack() as stack:
        _open_events(given, observed, stack, paths)
        meters = await stack.enter_async_context(metering(given, world, pacer))
        if meters is not None:
            audience.add(meters)
            observed = dataclasses.replace(observed, meters=meters)
        for listener in await stack.enter_async_context(tracing(given, world)):
            audience.add(listener)
        try:
            yield observed
        except BulkconnError as error:
            await observed.end(_failed(error))
            raise


def _failed(error: BulkconnError) -> Report:
    diagnostics = error.diagnostics if isinstance(error, InventoryInvalid) else ()
    return failed_report(str(error), error.fix, error.exit_code, diagnostics=diagnostics, ledger=error.ledger)


def _open_events(given: Given, observed: Observed, stack: AsyncExitStack, paths: Sequence[str]) -> None:
    place = given.text("events")
    if place is None:
        return
    if place == "-" and given.wants_json:
        raise UsageError(
            "--events - and --output json both want standard output",
            fix="give --events a file, or leave --output json out: the last event has the same summary",
        )
    from bulkconn.events.writer import EventWriter, open_events  # noqa: PLC0415 - only where asked for

    for other in _files(given, paths):
        if Path(place).exists() and other.exists() and Path(place).samefile(other):
            raise UsageError(
                f"--events {place} is also {other}",
                fix="give --events a file of its own; events are appended",
            )

    def on_trouble(why: str) -> None:
        observed.world.log.warning("events.lost", place=place, reason=why)

    descriptor = sys.stdout.fileno() if place == "-" else open_events(place)
    writer = EventWriter(descriptor, on_trouble, closes=place != "-")
    stack.callback(writer.close)
    observed.audience.add(writer)


def _files(given: Given, paths: Sequence[str]) -> Iterator[Path]:
    """Give the files that events would spoil."""
    for name in (*paths, given.text("ledger")):
        if name is not None and name != "-" and "://" not in name:
            yield Path(name.partition("#")[0])


def _hook(given: Given) -> URL | None:
    """Read the address of the hook; no message repeats it.

    Raises:
        UsageError: it is no address, or a summary would travel unencrypted.
    """
    text = given.text("notify")
    if text is None:
        return None
    from bulkconn.flowservice.url_rules import is_loopback  # noqa: PLC0415 - only where there is a hook

    try:
        url = URL(text)
        is_web = url.scheme in {"http", "https"} and bool(url.host) and text.isprintable()
    except ValueError:
        is_web = False
    if not is_web or (url.scheme == "http" and not is_loopback(url.host or "")):
        # Not chained: the text may hold the hook's secret.
        raise UsageError(
            "--notify is not an https:// address",
            fix="give --notify (or BULKCONN_NOTIFY) as https://host/path; plain http is for this machine",
        ) from None
    return url
