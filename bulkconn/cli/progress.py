"""What a run shows while it works: a live table on a terminal, a log line every ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.report.words import duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rich.table import Table

    from bulkconn.engine.run import Engine

_REFRESH_S: Final = 1 / 3
_LOG_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The figures of one moment. Times in seconds; `eta_s` None: nothing to reckon it by."""

    rows: int
    done: int
    created: int
    failed: int
    in_flight: int
    in_doubt: int
    held: int
    pace_per_s: float
    ceiling_per_s: float
    gate_closed_s: float
    next_look_s: float | None
    eta_s: float | None


def read_moment(engine: Engine, *, to_send: int, elapsed_s: float) -> Moment:
    """Read the figures off a running engine.

    `to_send` are the rows that were pending at its start, `elapsed_s` the seconds since then.
    """
    run = engine.run
    counts = run.tally.counts
    sent = to_send - counts["pending"]
    # Before anything is sent, the pace is the best guess.
    speed = sent / elapsed_s if sent > 0 and elapsed_s > 0 else run.gate.pace.rate_per_s
    due_s = run.queue.next_due_s
    is_only_waiting = not counts["pending"] and not engine.in_flight and due_s is not None
    return Moment(
        rows=run.tally.rows,
        done=run.tally.rows - counts["pending"] - counts["in_doubt"],
        created=counts["created"] + counts["adopted"],
        failed=counts["failed"],
        in_flight=engine.in_flight,
        # A row on its way counts as in doubt until its answer comes; people would be alarmed.
        in_doubt=counts["in_doubt"] - run.sending,
        held=counts["held"],
        pace_per_s=run.gate.pace.rate_per_s,
        ceiling_per_s=run.gate.pace.ceiling_per_s,
        gate_closed_s=run.gate.closed_for_s,
        next_look_s=max(0.0, due_s - run.clock.elapsed_s())
        if is_only_waiting and due_s is not None
        else None,
        eta_s=counts["pending"] / speed if counts["pending"] and speed > 0 else None,
    )


def render_moment(moment: Moment) -> str:
    """Give two lines: what is done; at what pace, and what it waits for."""
    parts = [
        f"{moment.done:,} of {moment.rows:,} done",
        f"{moment.created:,} created",
        f"{moment.failed:,} failed",
        f"{moment.in_flight:,} in flight",
        f"{moment.in_doubt:,} in doubt",
    ]
    if moment.held:
        parts.append(f"{moment.held:,} held")
    rows, parts = ", ".join(parts), [f"pace {moment.pace_per_s:.1f} of {moment.ceiling_per_s:g}/s"]
    if moment.gate_closed_s:
        parts.append(f"gate closed for {duration(moment.gate_closed_s)}")
    if moment.next_look_s is not None:
        parts.append(f"only graces left: next look in {duration(moment.next_look_s)} (Ctrl-C leaves at once)")
    elif moment.eta_s is not None:
        parts.append(f"about {duration(moment.eta_s)} left")
    return f"{rows}\n{', '.join(parts)}"


@asynccontextmanager
async def showing(engine: Engine, *, to_send: int, is_live: bool) -> AsyncIterator[None]:
    """Show progress for the length of the block."""
    began_s = engine.run.clock.elapsed_s()

    def moment() -> Moment:
        return read_moment(engine, to_send=to_send, elapsed_s=engine.run.clock.elapsed_s() - began_s)

    def frame() -> Frame:
        now = moment()
        return Frame(now.rows, now.done, render_moment(now))

    def log() -> None:
        now = moment()
        engine.run.log.info(
            "run.progress",
            run_id=engine.run.run_id,
            rows=now.rows,
            done=now.done,
            created=now.created,
            failed=now.failed,
            in_doubt=now.in_doubt,
            pace=round(now.pace_per_s, 2),
            ceiling=now.ceiling_per_s,
            gate_closed_s=round(now.gate_closed_s, 1),
            eta_s=None if now.eta_s is None else round(now.eta_s),
        )

    async with watching(frame, log, is_live=is_live):
        yield


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of work under way: a bar, and lines of text below it."""

    total: int
    done: int
    text: str


@asynccontextmanager
async def watching(
    frame: Callable[[], Frame], log: Callable[[], None], *, is_live: bool
) -> AsyncIterator[None]:
    """Draw a frame several times a second on a terminal, else log now and then, while the block lasts."""
    show = asyncio.create_task(_draw(frame) if is_live and sys.stderr.isatty() else _repeat(log))
    try:
        yield
    finally:
        show.cancel()
        await asyncio.gather(show, return_exceptions=True)


async def _draw(frame: Callable[[], Frame]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.live import Live  # noqa: PLC0415 - likewise

    with Live(_table(frame()), console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(_REFRESH_S)
            live.update(_table(frame()), refresh=True)


async def _repeat(log: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_LOG_EVERY_S)
        log()


def _table(frame: Frame) -> Table:
    from rich.progress_bar import ProgressBar  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table  # noqa: PLC0415 - likewise

    table = Table.grid(padding=(0, 1))
    table.add_row(ProgressBar(total=max(1, frame.total), completed=frame.done, width=40))
    table.add_row(frame.text)
    return table
