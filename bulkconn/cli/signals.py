"""SIGINT and SIGTERM while a command runs: the first asks for an orderly end, the second cuts."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import BulkconnError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_EXIT_CODES: Final = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Interrupted(BulkconnError):
    """A signal ended a command at once: before anything was sent, or because a second one came."""

    def __init__(self, exit_code: ExitCode, fix: str) -> None:
        super().__init__("terminated" if exit_code is ExitCode.TERMINATED else "interrupted", fix=fix)
        self.exit_code = exit_code


class Interrupts:
    """Which signals came. `exit_code` is that of the first; None while there was none."""

    def __init__(self) -> None:
        self.exit_code: ExitCode | None = None
        #: What an orderly end means at the moment; None: cancel the command.
        self.on_first: Callable[[], None] | None = None
        #: What an end at once means; None: cancel the command.
        self.on_second: Callable[[], None] | None = None
        self._task: asyncio.Task[object] | None = asyncio.current_task()

    def came(self, number: signal.Signals) -> None:
        """Take note of a signal and act."""
        is_first = self.exit_code is None
        self.exit_code = self.exit_code or _EXIT_CODES[number]
        if is_first and self.on_first is not None:
            self.on_first()
        elif not is_first and self.on_second is not None:
            self.on_second()
        elif self._task is not None:
            self._task.cancel()


@contextmanager
def listening(
    *also: signal.Signals, fix: str = "the ledger is whole: the same command goes on where it was"
) -> Iterator[Interrupts]:
    """Hear both signals for the length of the block; enter it in the command's own task.

    Those in `also` mean what SIGTERM does. `fix` is what the reader of an interrupted command is told.

    Raises:
        Interrupted: a signal cancelled the block.
    """
    interrupts = Interrupts()
    loop = asyncio.get_running_loop()
    for number in _EXIT_CODES:
        loop.add_signal_handler(number, interrupts.came, number)
    for number in also:
        loop.add_signal_handler(number, interrupts.came, signal.SIGTERM)
    try:
        yield interrupts
    except asyncio.CancelledError:
        if interrupts.exit_code is None:
            raise
        raise Interrupted(interrupts.exit_code, fix) from None
    finally:
        for number in (*_EXIT_CODES, *also):
            loop.remove_signal_handler(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let both signals end a block that waits without awaiting: a loop would hear them only after it.

    Raises:
        Interrupted: one came.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are the main thread's, and so is what they interrupt.
        yield
        return

    def on_signal(number: int, _frame: FrameType | None) -> None:
        fix = "nothing was sent: the same command begins anew"
        raise Interrupted(_EXIT_CODES[signal.Signals(number)], fix)

    before = {number: signal.signal(number, on_signal) for number in _EXIT_CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
