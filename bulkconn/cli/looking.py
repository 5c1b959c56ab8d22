"""Eyes for a command that has something to look up before it decides: one session, one gate, one pace."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from bulkconn.cli.wiring import new_run_id, open_service
from bulkconn.engine.looking import serving
from bulkconn.engine.lookup import Looker
from bulkconn.engine.run import Engine
from bulkconn.engine.spec_lookup import SpecLooker
from bulkconn.engine.stops import Stops

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bulkconn.cli.given import Credentials, Given
    from bulkconn.core.protocols import Ledger, SecretResolver
    from bulkconn.core.service_spec import Place, SpecAnswer
    from bulkconn.engine.context import World
    from bulkconn.engine.lookup import Unknown
    from bulkconn.engine.service import Service


async def look_at_specs(
    engine: Engine, service: Service, places: Iterable[Place]
) -> Mapping[Place, SpecAnswer | Unknown]:
    """Ask the service for connection specs. Cancel: safe, nothing was changed."""
    assert service.specs is not None  # noqa: S101 - `open_service` gives it
    async with serving(engine.run):
        return await SpecLooker(engine.run, Looker(engine.run), service.specs).look(places)


class Eyes:
    """A session and an engine that never writes, opened at the first look. An async context manager.

    `stops` says why no more may be asked; nothing, as long as nothing was.
    """

    def __init__(self, given: Given, world: World, *, ledger: Ledger, secrets: SecretResolver) -> None:
        self.world = world
        self.stops = Stops()
        self._given = given
        self._ledger = ledger
        self._secrets = secrets
        self._stack = AsyncExitStack()
        self._open: tuple[Engine, Service] | None = None

    async def __aenter__(self) -> Self:
        """Give the eyes, still closed."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the session, if one was opened."""
        await self._stack.aclose()

    async def open(self, credentials: Credentials) -> tuple[Engine, Service]:
        """Give engine and session; the same ones whenever it is asked, so that there is one pace.

        Raises:
            UsageError: a URL, an id or a token cannot be used.
        """
        if self._open is None:
            service = await self._stack.enter_async_context(
                open_service(self._given, credentials, self.world.clock)
            )
            engine = Engine(
                new_run_id(self.world.clock.now()),
                self._given.run_settings,
                ledger=self._ledger,
                service=service,
                secrets=self._secrets,
                world=self.world,
            )
            self._open = engine, service
            self.stops = engine.stops
        return self._open

    @property
    def lookups(self) -> int:
        """How many requests were made."""
        return 0 if self._open is None else self._open[0].run.this_run.lookups
