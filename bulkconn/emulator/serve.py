"""The emulator as a process: runs until it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.emulator.app import Emulator

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from bulkconn.emulator.settings import EmulatorSettings

__all__ = ["serve"]


async def serve(
    settings: EmulatorSettings, *, on_ready: Callable[[Emulator], None], stop: asyncio.Event
) -> None:
    """Run an emulator until `stop` is set.

    Args:
        settings: How it is to behave.
        on_ready: Called once it listens, to show `banner` and the URLs.
        stop: Set it (from a signal handler, say) to end; requests in flight get half a second.

    Raises:
        OSError: The address is in use or not ours.

    Cancel: the emulator stops in the same orderly way.
    """
    async with Emulator(settings) as emulator:
        on_ready(emulator)
        await stop.wait()
