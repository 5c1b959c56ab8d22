"""Time that costs nothing: an event loop and clocks that jump, stop and end as a seed says."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from inspect import CORO_CREATED, getcoroutinestate
from itertools import count
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncio_throttle.throttler as their_throttler

from bulkconn.engine import throttle as our_throttler

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

T = TypeVar("T")

#: Work takes time too: without it a timeout lost to rounding would come at once, for ever.
_STEP_S: Final = 1e-7
_EPOCH: Final = datetime(2026, 3, 1, tzinfo=UTC)


class Stuck(Exception):
    """A run that should have ended did not."""


class Killed(BaseException):
    """The process ends here and now, whatever stands on its stack."""


class _Handle:
    """A callback that waits for its turn; asyncio's own costs twice as much."""

    __slots__ = ("args", "callback", "when_s")

    def __init__(self, callback: Any, args: tuple[Any, ...], when_s: float = 0.0) -> None:
        self.callback = callback
        self.args = args
        self.when_s = when_s

    def cancel(self) -> None:
        """Never call back."""
        self.callback = None

    def cancelled(self) -> bool:
        """Tell whether it was cancelled."""
        return self.callback is None

    def when(self) -> float:
        """Say when it is due."""
        return self.when_s


class VirtualLoop(asyncio.AbstractEventLoop):
    """An event loop whose clock jumps to the next timer as soon as nobody has anything to do.

    Contexts are not kept apart: nothing that runs here has context variables.
    """

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.steps = 0
        self.errors: list[str] = []
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._order = count()
        self._tasks: list[asyncio.Task[Any]] = []
        self._is_killed = False
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]  # one frame less for each

    def time(self) -> float:
        """Give the virtual time in seconds."""
        return self.now_s

    #: Says that nothing is debugged; every future asks, and this answers without a frame of its own.
    get_debug = staticmethod(bool)

    def is_running(self) -> bool:
        """Say that it runs: nobody asks while it does not."""
        return True

    def is_closed(self) -> bool:
        """Say that it is never closed."""
        return False

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back at this very moment, after what is ready already."""
        handle = _Handle(callback, args)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back after some virtual seconds."""
        return self.call_at(self.now_s + delay, callback, *args)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back at a virtual time."""
        handle = _Handle(callback, args, when)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def create_task(self, coro: Any, **_: Any) -> asyncio.Task[Any]:
        """Make a task that a crash can find."""
        task = asyncio.Task(coro, loop=self)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught: it is a defect."""
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {error!r}")

    def run(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        until_step: int | None = None,
        until_s: float | None = None,
        bound_s: float,
        bound_steps: int = 400_000,
    ) -> T | None:
        """Run a coroutine to its end; None if the process was killed, at a step, a time, or by `kill`.

        Raises:
            Stuck: it did not end within the bounds.
        """
        deadline = self.now_s + bound_s
        last = self.steps + (bound_steps if until_step is None else until_step)
        self._is_killed = False
        asyncio._set_running_loop(self)
        try:
            main = self.create_task(coro)
            ready, is_done = self._ready, main.done
            while not is_done():
                if not ready and not self._advance(until_s, deadline):
                    return None
                handle = ready.popleft()
                if handle.callback is None:
                    continue
                self.steps += 1
                self.now_s += _STEP_S
                handle.callback(*handle.args)
                if self._is_killed:
                    return None
                if self.steps >= last and not is_done():
                    if until_step is None:
                        raise Stuck(f"not ended after {bound_steps} steps")
                    return None
        except Killed:
            return None
        else:
            result: T = main.result()
            return result
        finally:
            self._abandon()
            asyncio._set_running_loop(None)

    def kill(self) -> Killed:
        """End the process at this very step; raise what is given, so that nothing below goes on either."""
        self._is_killed = True
        return Killed()

    def _advance(self, until_s: float | None, deadline_s: float) -> bool:
        """Go to the next timer; False if the process is killed before."""
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if not timers:
            raise Stuck(f"nothing will ever happen again at {self.now_s:.3f}")
        if until_s is not None and timers[0][0] > until_s:
            self.now_s = max(self.now_s, until_s)
            return False
        self.now_s = max(self.now_s, timers[0][0])
        if self.now_s > deadline_s:
            raise Stuck("not ended within the bound of virtual seconds")
        while timers and timers[0][0] <= self.now_s:
            self._ready.append(heapq.heappop(timers)[2])
        return True

    def freeze(self, seconds: float) -> None:
        """Let time pass while nobody may act, as after SIGSTOP."""
        self.now_s += seconds

    def _abandon(self) -> None:
        """Forget every task as a killed process does: what they would do next has no effect."""
        for task in self._tasks:
            if task.done():
                if self._is_killed:
                    task._log_traceback = False
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch
            _close(task.get_coro())
        self._tasks.clear()
        self._ready.clear()
        self._timers.clear()


def _close(coro: Any) -> None:
    """Close a coroutine from within, as often as something in it waits once more on its way out."""
    chain = [coro]
    if getcoroutinestate(coro) == CORO_CREATED:
        # It was never begun; nor were others that it was given to await.
        chain += [one for one in coro.cr_frame.f_locals.values() if isinstance(one, CoroutineType)]
    while isinstance(inner := chain[-1].cr_await, CoroutineType):
        chain.append(inner)
    for one in reversed(chain):
        while one.cr_frame is not None:
            with suppress(BaseException):
                one.close()


class _Timer:
    """Stands in for the module `time` in the throttle."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time


@contextmanager
def virtual_time(loop: VirtualLoop) -> Iterator[None]:
    """Let the throttle, which asks the machine for the time, ask the loop instead."""
    timer = _Timer(loop)
    with replaced([(their_throttler, "time", timer), (our_throttler, "time", timer)]):
        yield


@contextmanager
def replaced(attributes: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """Replace (owner, name, value) for a while; a hundredth of what mock.patch costs."""
    attributes = tuple(attributes)
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in attributes]
    try:
        for owner, name, value in attributes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)


class VirtualClock:
    """The clocks of one process: wall time with skew and jumps, and seconds since a boot."""

    def __init__(self, loop: VirtualLoop, *, boot: int, booted_at_s: float) -> None:
        self._loop = loop
        self._booted_at_s = booted_at_s
        self.clock_id = f"boot-{boot}"
        self.skew_s = 0.0

    def now(self) -> datetime:
        """Give the wall clock, right or wrong."""
        return _EPOCH + timedelta(seconds=self._loop.now_s + self.skew_s)

    def elapsed_s(self) -> float:
        """Give seconds since the boot; between two readings some time has passed."""
        self._loop.now_s += _STEP_S
        return self._loop.now_s - self._booted_at_s

    def jump(self, seconds: float) -> None:
        """Let somebody set the wall clock."""
        self.skew_s += seconds
