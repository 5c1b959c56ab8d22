"""News of a page: it is looked at anew while somebody watches, and each watcher gets what changed."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from bulkconn.core.errors import BulkconnError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

_T = TypeVar("_T")

#: Seconds between two looks; more where a look takes long: it shall take at most a fifth of the time.
PAUSE_S: Final = 1.0
_SHARE: Final = 4.0
#: Seconds after which a stream says that it lives, so that proxies keep it.
_HEARTBEAT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class News:
    """What a look brought: the parts that changed, and what stood against it (None: nothing)."""

    changed: Mapping[str, str]
    trouble: str | None


class Looker:
    """Does blocking work in a thread, one piece at a time.

    The thread is a daemon: what a database takes minutes for does not keep the process from ending.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def do(self, work: Callable[[], _T]) -> _T:
        """Do work. Cancel: it goes on in its thread, and its result is dropped."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[_T] = loop.create_future()

            def run() -> None:
                try:
                    result = work()
                except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                    tell(lambda caught=error: future.set_exception(caught))  # type: ignore[misc]  # bound now
                else:
                    tell(lambda: future.set_result(result))

            def tell(settle: Callable[[], None]) -> None:
                # The loop may be gone by now.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(lambda: None if future.done() else settle())

            threading.Thread(target=run, name="look", daemon=True).start()
            return await future


class Feed:
    """The newest parts of a page, and what stands against having newer ones."""

    def __init__(self, look: Callable[[], Mapping[str, str]], looker: Looker) -> None:
        """Begin; `look` blocks, and may raise `BulkconnError`: then it is tried again."""
        self._look = look
        self._looker = looker
        self._parts: Mapping[str, str] = {}
        self._trouble: str | None = None
        self._number = 0
        self._watchers = 0
        self._changed = asyncio.Condition()
        self._end = asyncio.Event()

    @property
    def watchers(self) -> int:
        """How many streams are open."""
        return self._watchers

    async def run(self) -> None:
        """Look as long as there is somebody to see it, until `end`."""
        while not self._end.is_set():
            async with self._changed:
                await self._changed.wait_for(lambda: self._watchers or self._end.is_set())
            if self._end.is_set():
                return
            began_s = time.monotonic()
            try:
                self._parts, self._trouble = await self._looker.do(self._look), None
            except BulkconnError as error:
                self._trouble = f"{error}; {error.fix}"
            self._number += 1
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(max(PAUSE_S, _SHARE * (time.monotonic() - began_s)))

    async def end(self) -> None:
        """Let every stream end."""
        self._end.set()
        async with self._changed:
            self._changed.notify_all()

    def _has_news(self, seen: int) -> bool:
        return self._end.is_set() or self._number != seen

    @contextmanager
    def _watching(self) -> Iterator[None]:
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1

    async def follow(self) -> AsyncGenerator[News | None, None]:
        """Give what changed since the last time after each look, and None as a sign of life in between."""
        sent: dict[str, str] = {}
        seen = 0
        with self._watching():
            async with self._changed:
                self._changed.notify_all()
            while not self._end.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_HEARTBEAT_S), self._changed:
                        await self._changed.wait_for(partial(self._has_news, seen))
                if self._end.is_set():
                    return
                if self._number == seen:
                    yield None
                    continue
                seen = self._number
                changed = {name: part for name, part in self._parts.items() if sent.get(name) != part}
                sent |= changed
                yield News(changed, self._trouble)
