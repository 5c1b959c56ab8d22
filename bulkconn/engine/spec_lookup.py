"""What the service says of connection specs: asked through the gate, like any other lookup."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.service_spec import OddSpec, read_spec
from bulkconn.engine.lookup import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulkconn.core.protocols import SpecApi
    from bulkconn.core.reply import Reply
    from bulkconn.core.service_spec import NotOffered, Place, ServiceSpec, SpecAnswer
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker


class SpecLooker:
    """Asks Flow Service what it says of connection specs. Repeat: safe."""

    def __init__(self, run: RunContext, looker: Looker, api: SpecApi) -> None:
        self._run = run
        self._looker = looker
        self._api = api

    async def look(self, places: Iterable[Place]) -> dict[Place, SpecAnswer | Unknown]:
        """Look at several connection specs at once, as many as may be open; every place has an answer.

        The gate must be served meanwhile. Cancel: nothing is left behind.
        """
        room = asyncio.Semaphore(self._run.settings.pace.concurrency)
        wanted = list(places)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look(place, room)) for place in wanted]
        return {place: task.result() for place, task in zip(wanted, tasks, strict=True)}

    async def _look(self, place: Place, room: asyncio.Semaphore) -> SpecAnswer | Unknown:
        odd: OddSpec | None = None

        def read(reply: Reply) -> ServiceSpec | NotOffered | None:
            nonlocal odd
            answer = read_spec(reply, place, self._run.clock.now())
            # A service that stumbles may answer oddly once: only one that goes on does so means it.
            odd = answer if isinstance(answer, OddSpec) else None
            return None if isinstance(answer, OddSpec) else answer

        async with room:
            asked: ServiceSpec | NotOffered | Unknown = await self._looker.ask(
                place.sandbox,
                lambda token: self._api.show_spec(place, token),
                read,
                odd="the answer is no connection spec",
            )
        if isinstance(asked, Unknown) and odd is not None:
            return odd
        return asked
