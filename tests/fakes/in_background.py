"""An async server for tests that are not async: in a thread of its own, until the block ends."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

_T = TypeVar("_T")


@contextmanager
def in_background(server: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
    """Give what the server gives when it has begun."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server")
    thread.start()
    try:
        begun = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        try:
            yield begun
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
