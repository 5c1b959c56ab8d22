"""A ledger's rows for commands that go over many of them, whether it is open for reading only or held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from bulkconn.ledger import queries, rollbacks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from bulkconn.core.lifecycle import State
    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.record import LedgerRecord
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.sql_store import SqlStore

    _Ask = Callable[[Callable[[Database], Any]], Awaitable[Any]]


class Pages:
    """A ledger as a rollback or a comparison reads it."""

    def __init__(self, ask: _Ask) -> None:
        self._ask = ask

    async def rows_in(self, states: Collection[State], run_id: RunId | None) -> Sequence[int]:
        """Give the numbers of rows in these states."""
        return cast("Sequence[int]", await self._ask(lambda db: rollbacks.read_rows_in(db, states, run_id)))

    async def numbered(self, numbers: Sequence[int]) -> list[LedgerRecord]:
        """Give the rows of these numbers."""
        return cast("list[LedgerRecord]", await self._ask(lambda db: rollbacks.read_numbered(db, numbers)))

    async def vouched(self) -> Mapping[EndpointKey, Collection[ConnectionId]]:
        """Give the ids that a 201 brought, for each held row."""
        return cast("Mapping[EndpointKey, Collection[ConnectionId]]", await self._ask(rollbacks.read_vouched))

    async def holders(self, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        """Say which rows hold these ids."""
        wanted = tuple(ids)
        found = await self._ask(lambda db: queries.read_holders(db, wanted))
        return cast("dict[ConnectionId, EndpointKey]", found)


def of_store(store: SqlStore) -> Pages:
    """Read a ledger that nobody here holds."""

    async def ask(query: Callable[[Database], Any]) -> Any:  # noqa: ANN401 - whatever the query gives
        return store.read(query)

    return Pages(ask)
