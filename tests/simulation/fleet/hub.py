"""One virtual time for several machines: each may stand still or die while the others go on."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.loop import Killed, Stuck

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.simulation.fleet.thread import VirtualThread

#: Work takes time too.
_STEP_S: Final = 1e-7
_BOUND_STEPS: Final = 3_000_000


class _Handle:
    """A callback of a machine."""

    __slots__ = ("args", "callback", "seat", "when_s")

    def __init__(self, seat: Seat, callback: Any, args: tuple[Any, ...], when_s: float) -> None:
        self.seat = seat
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


class Hub:
    """The time that all machines share, and what is due on which of them."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.errors: list[str] = []
        self.ready: deque[_Handle] = deque()
        self.timers: list[tuple[float, int, _Handle]] = []
        self.order = count()
        #: The ledger's thread that is at work.
        self.current: VirtualThread | None = None

    def time(self) -> float:
        """Give the virtual time in seconds."""
        return self.now_s

    def run(self, seat: Seat, coro: Coroutine[Any, Any, None], *, bound_s: float) -> None:
        """Run a coroutine on a machine to its end; all other machines work meanwhile.

        Raises:
            Stuck: it did not end within the bound of virtual seconds, or nothing will ever happen again.
        """
        deadline = self.now_s + bound_s
        main = seat.create_task(coro)
        try:
            for _ in range(_BOUND_STEPS):
                if main.done():
                    main.result()
                    return
                if not self.ready:
                    self._advance(deadline)
                self._step(self.ready.popleft())
            raise Stuck(f"not ended after {_BOUND_STEPS} steps")
        finally:
            asyncio._set_running_loop(None)

    def _step(self, handle: _Handle) -> None:
        seat = handle.seat
        if handle.callback is None or seat.is_dead:
            return
        if seat.frozen_until_s > self.now_s:
            heappush(self.timers, (seat.frozen_until_s, next(self.order), handle))
            return
        self.now_s += _STEP_S
        asyncio._set_running_loop(seat)
        with suppress(Killed):
            handle.callback(*handle.args)
        seat.steps_left -= 1
        if seat.steps_left <= 0 or seat.is_dead:
            seat.kill()

    def _advance(self, deadline_s: float) -> None:
        timers = self.timers
        while timers and (timers[0][2].callback is None or timers[0][2].seat.is_dead):
            heappop(timers)
        if not timers:
            raise Stuck(f"nothing will ever happen again at {self.now_s:.3f}")
        self.now_s = max(self.now_s, timers[0][0])
        if self.now_s > deadline_s:
            raise Stuck("not ended within the bound of virtual seconds")
        while timers and timers[0][0] <= self.now_s:
            self.ready.append(heappop(timers)[2])


class Seat(asyncio.AbstractEventLoop):
    """The event loop of one machine: it runs when the machine does."""

    def __init__(self, hub: Hub, on_kill: Callable[[], None] = lambda: None) -> None:
        self.hub = hub
        #: What runs here, for those who are called without being told.
        self.process: Any = None
        self.frozen_until_s = 0.0
        self.steps_left = 10**9
        self.is_dead = False
        self._is_buried = False
        self._on_kill = on_kill
        self._tasks: list[asyncio.Task[Any]] = []
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]  # one frame less for each

    def time(self) -> float:
        """Give the virtual time in seconds."""
        return self.hub.now_s

    get_debug = staticmethod(bool)

    def is_running(self) -> bool:
        """Say that it runs: nobody asks while it does not."""
        return True

    def is_closed(self) -> bool:
        """Say that it is never closed."""
        return False

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back at this very moment, after what is ready already."""
        handle = _Handle(self, callback, args, self.hub.now_s)
        self.hub.ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back after some virtual seconds."""
        return self.call_at(self.hub.now_s + delay, callback, *args)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]  # the types of asyncio's variadic callbacks
        """Call back at a virtual time."""
        handle = _Handle(self, callback, args, when)
        heappush(self.hub.timers, (when, next(self.hub.order), handle))
        return handle

    def create_task(self, coro: Any, **_: Any) -> asyncio.Task[Any]:
        """Make a task that a crash can find."""
        task = asyncio.Task(coro, loop=self)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught: it is a defect."""
        if not self.is_dead:
            self.hub.errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def freeze(self, seconds: float) -> None:
        """Let this machine stand still while time passes for others."""
        self.frozen_until_s = max(self.frozen_until_s, self.hub.now_s + seconds)

    def die(self) -> Killed:
        """End the machine at this very step; raise what is given, so that nothing below goes on either."""
        self.is_dead = True
        return Killed()

    def kill(self) -> None:
        """End the machine; what its tasks would do next has no effect."""
        self.is_dead = True
        if self._is_buried:
            return
        self._is_buried = True
        self._on_kill()
        self.forget_tasks()

    def forget_tasks(self) -> None:
        """Forget every task as a killed process does."""
        asyncio._set_running_loop(self)
        for task in self._tasks:
            if task.done():
                task._log_traceback = False
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own switch
            coro: Any = task.get_coro()
            while coro.cr_frame is not None:
                with suppress(BaseException):
                    coro.close()
        self._tasks.clear()
