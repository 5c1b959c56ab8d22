"""Calls that block, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def in_thread(function: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
    """Give what a blocking function gives, called in a thread of its own.

    Not `asyncio.to_thread`: its threads are waited for when the program ends, so a file system or a
    password prompt that hangs would keep it from ending. A thread a call costs little beside a secret that
    is read once. Cancel: the call goes on, and nobody hears of it.
    """
    future: Future[_T] = Future()
    # From here on it cannot be cancelled, only left alone: its result always finds its place.
    future.set_running_or_notify_cancel()

    def work() -> None:
        try:
            future.set_result(function(*args, **named))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            future.set_exception(error)

    threading.Thread(target=work, name="secret", daemon=True).start()
    return await asyncio.wrap_future(future)
