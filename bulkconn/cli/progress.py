"""What a run shows while it works: a live view on a terminal, a log line every ten seconds elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.cli.following import Follower
from bulkconn.cli.logs import configure_logs
from bulkconn.engine.audience import Audience
from bulkconn.report.live import Line, Moment, View, render_view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from rich.console import Console
    from rich.text import Text
    from structlog.typing import FilteringBoundLogger

    from bulkconn.cli.given import Given
    from bulkconn.engine.run import Engine
    from bulkconn.engine.survey import Survey

    #: Draws a view of so many columns; True: with ASCII alone.
    Draw = Callable[[int, bool], list[Line]]

_REFRESH_S: Final = 1 / 3
_LOG_EVERY_S: Final = 10.0
#: Columns of the bar of commands that have no more to show.
_BAR: Final = 40


def may_draw(given: Given) -> bool:
    """Tell whether a live view disturbs nobody: not a program, nor the events on the same terminal."""
    return not given.wants_json and not (given.text("events") == "-" and sys.stdout.isatty())


def configure_logs_of(given: Given) -> FilteringBoundLogger:
    """Set the logs of a command with a live view up: what that shows is not told twice."""
    return configure_logs(
        given.text("log_format"),
        given.text("log_level"),
        beside_view=may_draw(given) and _is_terminal(),
    )


def read_moment(
    engine: Engine, *, to_send: int, elapsed_s: float, follower: Follower | None = None
) -> Moment:
    """Read the figures off a running engine.

    `to_send` are the rows that it had to send at its start, `elapsed_s` the seconds since then.
    """
    run = engine.run
    counts = run.tally.counts
    due_s = run.queue.next_due_s
    is_only_waiting = counts["pending"] <= engine.left_behind and not engine.in_flight and due_s is not None
    # A row on its way counts as in doubt until its answer comes; people would be alarmed.
    in_doubt = counts["in_doubt"] - run.sending
    return Moment(
        rows=run.tally.rows,
        done=run.tally.rows - counts["pending"] - counts["in_doubt"],
        created=counts["created"] + counts["adopted"],
        failed=counts["failed"],
        in_flight=engine.in_flight,
        in_doubt=in_doubt,
        held=counts["held"],
        pace_per_s=run.gate.pace.rate_per_s,
        ceiling_per_s=run.gate.pace.ceiling_per_s,
        gate_closed_s=run.gate.closed_for_s,
        next_look_s=max(0.0, due_s - run.clock.elapsed_s())
        if is_only_waiting and due_s is not None
        else None,
        eta_s=_eta_s(engine, to_send, elapsed_s, in_doubt, follower),
    )


def _eta_s(
    engine: Engine, to_send: int, elapsed_s: float, in_doubt: int, follower: Follower | None
) -> float | None:
    """Reckon the seconds that are left: what is pending at the speed of an open gate, or the last grace.

    A gate that is closed adds the time until it opens; the time for which it was closed does not count
    against the speed.
    """
    run = engine.run
    pending = max(0, run.tally.counts["pending"] - engine.left_behind)
    sent = to_send - pending
    open_s = elapsed_s - (0.0 if follower is None else follower.closed_s)
    pace = run.gate.pace.rate_per_s
    # Before anything is sent, the pace is the best guess; no speed of the past lasts beyond it.
    speed = min(pace, sent / open_s) if sent > 0 and open_s > 0 else pace
    left_s = run.gate.closed_for_s + pending / speed if pending and speed > 0 else None
    grace_s = run.settings.patience.settle_grace_s
    if in_doubt and grace_s is not None and run.doubt_at_s is not None:
        doubt_s = max(0.0, run.doubt_at_s + grace_s - run.clock.elapsed_s())
        return doubt_s if left_s is None else max(left_s, doubt_s)
    return left_s


@asynccontextmanager
async def showing(
    engine: Engine, *, to_send: int, is_live: bool, survey: Survey | None = None
) -> AsyncIterator[None]:
    """Show progress for the length of the block."""
    began_s = engine.run.clock.elapsed_s()
    audience = engine.run.world.listener
    follower = Follower(engine.run.clock, survey, hears_rows=is_live and _is_terminal())
    if isinstance(audience, Audience):
        audience.add(follower)

    def moment() -> Moment:
        elapsed_s = engine.run.clock.elapsed_s() - began_s
        return read_moment(engine, to_send=to_send, elapsed_s=elapsed_s, follower=follower)

    def draw(width: int, is_ascii: bool) -> list[Line]:
        now = moment()
        follower.on_pace(0.0 if now.gate_closed_s else now.pace_per_s)
        view = View(now, follower.sources, follower.paces, follower.errors)
        return render_view(view, width, is_ascii=is_ascii)

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

    async with _showing(draw, log, is_live=is_live):
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

    def draw(width: int, is_ascii: bool) -> list[Line]:
        now = frame()
        filled = min(_BAR, _BAR * now.done // max(1, now.total))
        full, empty = "=-" if is_ascii else "━╌"
        bar = (full * filled + empty * (_BAR - filled))[:width]
        return [Line(bar, "bold"), *map(Line, now.text.splitlines())]

    async with _showing(draw, log, is_live=is_live):
        yield


@asynccontextmanager
async def _showing(draw: Draw, log: Callable[[], None], *, is_live: bool) -> AsyncIterator[None]:
    show = asyncio.create_task(_draw(draw) if is_live and _is_terminal() else _repeat(log))
    try:
        yield
    finally:
        show.cancel()
        await asyncio.gather(show, return_exceptions=True)


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


async def _draw(draw: Draw) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.live import Live  # noqa: PLC0415 - likewise

    # NO_COLOR is heeded by rich itself.
    console = Console(stderr=True, highlight=False)
    with Live(_text(draw, console), console=console, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(_REFRESH_S)
            live.update(_text(draw, console), refresh=True)


async def _repeat(log: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_LOG_EVERY_S)
        log()


def _text(draw: Draw, console: Console) -> Text:
    """Draw as text and never as markup: a name may have brackets."""
    from rich.text import Text  # noqa: PLC0415 - only a terminal needs it

    is_ascii = not console.encoding.lower().startswith("utf")
    # A column is left free: some terminals wrap a line that fills the last one.
    lines = draw(max(1, console.width - 1), is_ascii)
    return Text("\n").join(Text(line.text, line.style) for line in lines)
