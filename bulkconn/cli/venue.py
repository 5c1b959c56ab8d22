"""Where a rehearsal takes place: an emulator inside this process, or one that the user named."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from bulkconn.cli.emulator_admin import EmulatorAdmin, Introduction, origin_of, speaking_to
from bulkconn.core.errors import UsageError
from bulkconn.emulator import Cloud, Emulator, EmulatorSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bulkconn.cli.staging import Staged
    from bulkconn.core.source import PlatformCloud

#: So that requests are on their way when a kill comes.
_LATENCY_S: Final = 0.01
_JITTER_S: Final = 0.02
#: Sandboxes that a remedy spells out.
_SHOWN: Final = 8


class Venue:
    """The emulator of a rehearsal. `there` is the one that the user named; None: make one when needed."""

    def __init__(self, stack: AsyncExitStack, there: tuple[EmulatorAdmin, Introduction] | None) -> None:
        self._stack = stack
        self._there = there

    async def prepare(self, staged: Staged, seed: int) -> EmulatorAdmin:
        """Give an emulator that has the inventory's sandboxes and no connection yet.

        Raises:
            UsageError: the user's one lacks a sandbox, or has it on another cloud.
        """
        if self._there is not None:
            admin, introduction = self._there
            _check_sandboxes(introduction, staged.sandboxes)
            return admin
        settings = EmulatorSettings(
            sandboxes={name: Cloud(cloud.value) for name, cloud in staged.sandboxes.items()},
            any_spec=True,
            latency_s=_LATENCY_S,
            jitter_s=_JITTER_S,
            seed=seed,
            # Counts are all that is asked for; the log would grow with the inventory.
            log_limit=1,
        )
        emulator = await self._stack.enter_async_context(Emulator(settings))
        return await self._stack.enter_async_context(speaking_to(emulator.ims_url))


@asynccontextmanager
async def venue_at(url: str | None) -> AsyncIterator[Venue]:
    """Give the venue at an emulator's URL, or (None) one inside this process.

    Raises:
        UsageError: what is at the URL is no emulator, or remembers an earlier rehearsal.
    """
    async with AsyncExitStack() as stack:
        if url is None:
            yield Venue(stack, None)
            return
        admin = await stack.enter_async_context(speaking_to(origin_of(url)))
        introduction = await admin.check()
        if introduction.connection_count:
            raise UsageError(
                f"the emulator at {admin.origin} has {introduction.connection_count:,} connections already",
                fix="start it anew: a rehearsal begins with an empty one",
            )
        try:
            yield Venue(stack, (admin, introduction))
        finally:
            # It goes on without us, and whoever uses it next has not asked for faults.
            await admin.clear_faults()


def _check_sandboxes(introduction: Introduction, wanted: Mapping[str, PlatformCloud]) -> None:
    lacking = [name for name, cloud in wanted.items() if introduction.sandboxes.get(name) != cloud.value]
    if not lacking:
        return
    flags = [f"--sandbox {name}:{cloud}" for name, cloud in list(wanted.items())[:_SHOWN]]
    flags += ["..."] if len(wanted) > _SHOWN else []
    shown = f"{', '.join(lacking[:_SHOWN])}{' and more' if len(lacking) > _SHOWN else ''}"
    raise UsageError(
        f"{len(lacking)} of the inventory's {len(wanted)} sandboxes are missing at the emulator, or on "
        f"another cloud there: {shown}",
        fix=f"start it with `bulkconn emulator {' '.join(flags)}`",
    )
