"""Names that exist already: looked up before a row is sent for the first time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from bulkconn.core.names import loose_name
from bulkconn.core.outcome import Scope
from bulkconn.core.plan import like_named
from bulkconn.core.record import SentAs
from bulkconn.core.report import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import RunId
    from bulkconn.core.reply import ListedConnection
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker

#: Connections that one page of a listing brings.
_PAGE_ITEMS: Final = 100

#: Seconds for which a listing serves other engines, counted from when it began.
SHARED_FOR_S: Final = 60.0
#: Connections that are kept for other engines.
_SHARED_MAX: Final = 50_000

#: A sandbox's connections by loose name.
_Index = dict[str, list["ListedConnection"]]


class SharedNames:
    """What engines of one process listed, for engines of the same run that come after them.

    Of the same run alone: its listings began after it was submitted, so they show what was put right before.
    One engine uses a listing to its own end, however long that takes, so a minute more is little.
    """

    def __init__(self) -> None:
        #: When a listing began, and the index made of it; the oldest first.
        self._kept: dict[tuple[RunId, str], tuple[float, _Index]] = {}
        self._session = 0
        self._since_s = float("-inf")

    def on_session(self, session: int, now_s: float) -> None:
        """Count nothing from before `now_s` if the ledger's database is spoken to in another session.

        A database that fails over may come back without its last commits. Then what these made must be seen
        by a listing, since the ledger does not know of it any more.
        """
        if session != self._session:
            self._session, self._since_s = session, now_s

    def keep(self, run_id: RunId, sandbox: str, begun_s: float, index: _Index) -> None:
        """Keep a complete listing; where that is too much the oldest go."""
        self._kept.pop((run_id, sandbox), None)
        self._kept[run_id, sandbox] = (begun_s, index)
        while sum(len(kept) for _, kept in self._kept.values()) > _SHARED_MAX:
            del self._kept[next(iter(self._kept))]

    def find(self, run_id: RunId, sandbox: str, now_s: float) -> _Index | None:
        """Give a listing that is young enough, if there is one."""
        begun_s, index = self._kept.get((run_id, sandbox), (float("-inf"), {}))
        return index if begun_s >= max(self._since_s, now_s - SHARED_FOR_S) else None


class ExistingNames:
    """Knows which connections bear a name, by one listing per sandbox or a query a name.

    The listing is taken when it costs no more requests than the rows that are to be sent there
    (`to_send`, by sandbox). It is taken once, at the sandbox's first row, unless one is `shared`.
    """

    def __init__(
        self, run: RunContext, looker: Looker, to_send: Mapping[str, int], shared: SharedNames | None = None
    ) -> None:
        self._run = run
        self._looker = looker
        self._to_send = to_send
        self._shared = shared or SharedNames()
        self._loads: dict[str, asyncio.Task[_Index | None]] = {}

    async def like_named(self, endpoint: Endpoint) -> tuple[ListedConnection, ...] | None:
        """Give the connections of a like name and the same spec; None when that cannot be known now.

        None parks the sandbox or comes with the run's end: the row stays pending.
        """
        load = self._loads.get(endpoint.sandbox)
        if load is None:
            load = asyncio.create_task(self._load(endpoint.sandbox))
            self._loads[endpoint.sandbox] = load
        index = load.result() if load.done() else await asyncio.shield(load)
        if index is not None:
            return like_named(endpoint, index.get(endpoint.loose_name, ()))
        if not self._may_send_to(endpoint.sandbox):
            return None
        listing = await self._looker.find(
            SentAs(endpoint.sandbox, endpoint.name, endpoint.connection_spec_id)
        )
        if listing is None:
            self._park(endpoint.sandbox)
            return None
        return like_named(endpoint, listing.items)

    async def close(self) -> None:
        """Leave no task behind."""
        for load in self._loads.values():
            load.cancel()
        await asyncio.gather(*self._loads.values(), return_exceptions=True)

    async def _load(self, sandbox: str) -> _Index | None:
        """Give a sandbox's connections; None where a query a name is cheaper, or nothing can be known now."""
        run = self._run
        shared = self._shared.find(run.run_id, sandbox, run.clock.elapsed_s())
        if shared is not None:
            return shared
        connections = await self._looker.count(sandbox)
        if not self._may_send_to(sandbox):
            return None
        if connections is not None and connections / _PAGE_ITEMS > self._to_send.get(sandbox, 0):
            return None
        found = await self._looker.listing(sandbox, begun_after_s=float("-inf"))
        if found is None:
            self._park(sandbox)
            return None
        begun_s, listing = found
        index: _Index = {}
        for item in listing.items:
            index.setdefault(loose_name(item.name), []).append(item)
        self._shared.keep(run.run_id, sandbox, begun_s, index)
        return index

    def _may_send_to(self, sandbox: str) -> bool:
        return not (self._run.stops.is_stopping or self._run.stops.is_parked(sandbox, ""))

    def _park(self, sandbox: str) -> None:
        if not self._may_send_to(sandbox):
            return
        reason = Stop(
            f"the connections of sandbox {sandbox} could not be listed, so no name is known to be free",
            Scope.SANDBOX,
            "the service does not answer lookups there: run the same command again later",
        )
        self._run.stops.park(reason, sandbox, "")
        self._run.log.warning("place.parked", scope="sandbox", sandbox=sandbox, reason=reason.reason)
