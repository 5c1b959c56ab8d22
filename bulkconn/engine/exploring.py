"""An exploration: each connection of the ledger is asked which tables it offers. Nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.exploring import Unexplored, read_tables
from bulkconn.core.protocols import ConnectionPlace
from bulkconn.core.verification import created_as
from bulkconn.engine.lookup import Unknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Protocol

    from bulkconn.core.exploring import Table
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.protocols import UpkeepApi
    from bulkconn.core.record import LedgerRecord
    from bulkconn.engine.asking import Asker
    from bulkconn.engine.context import RunContext

    class ConnectedRows(Protocol):
        """What an exploration needs of a ledger."""

        async def connected(self, *, after: EndpointKey | None, limit: int) -> list[LedgerRecord]:
            """Give up to `limit` rows that are created or adopted, ordered by key."""
            ...


#: Rows read from the ledger at a time.
_BATCH: Final = 200


class Explorer:
    """Asks for tables; `tell` is told of each, and of each connection that does not say."""

    def __init__(
        self,
        run: RunContext,
        asker: Asker,
        api: UpkeepApi,
        tell: Callable[[LedgerRecord, Table | Unexplored], None],
    ) -> None:
        self._run = run
        self._asker = asker
        self._api = api
        self._tell = tell
        self.explored = self.failed = self.tables = 0

    async def rows(self, ledger: ConnectedRows) -> AsyncIterator[LedgerRecord]:
        """Give every row that has a connection, in the order of keys."""
        after = None
        while batch := await ledger.connected(after=after, limit=_BATCH):
            for record in batch:
                yield record
            after = batch[-1].key

    async def explore(self, record: LedgerRecord) -> None:
        """Ask one connection; nothing is told of it where the run stops. Repeat: safe."""
        if record.connection_id is None:
            raise AssertionError("a created row has an id")
        place = ConnectionPlace(created_as(record).sandbox, record.connection_id)
        found: tuple[Table, ...] | Unexplored | Unknown = await self._asker.ask(
            place.sandbox,
            lambda token: self._api.explore(place, token),
            lambda reply: read_tables(reply, place.connection_id),
            odd="the answer is no list of tables",
        )
        stops = self._run.stops
        if isinstance(found, Unknown):
            if stops.is_stopping or stops.is_parked(place.sandbox, ""):
                return
            found = Unexplored("unknown", found.reason)
        if isinstance(found, Unexplored):
            self.failed += 1
            self._tell(record, found)
            self._run.log.warning("row.not_explored", endpoint_key=record.key, code=found.code)
            return
        self.explored += 1
        self.tables += len(found)
        for table in found:
            self._tell(record, table)
