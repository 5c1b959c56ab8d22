"""Ledgers for commands that only look: read-only, or none at all yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from bulkconn.ledger import queries
from bulkconn.ledger.schema import FORMAT_VERSION, SPECS_SINCE, TAKEN_UP_SINCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.protocols import Ledger
    from bulkconn.core.record import LedgerRecord, NameConflict, RowStanding, TakenUp
    from bulkconn.core.service_spec import Place, ServiceSpec
    from bulkconn.ledger.sql_store import SqlStore


class LedgerView:
    """What a survey and a look at existing names ask of a ledger, from a store that nobody writes to.

    Without a store it is the ledger that is not there yet. Answers come at once: nothing is awaited.
    """

    def __init__(self, store: SqlStore | None = None) -> None:
        self._store = store

    def as_ledger(self) -> Ledger:
        """Give it where a whole ledger is taken but only these five questions are asked."""
        return cast("Ledger", self)

    @property
    def store(self) -> SqlStore | None:
        """Give the store; None where there is no ledger yet."""
        return self._store

    def specs(self) -> dict[Place, ServiceSpec]:
        """Give what the service said of connection specs, as far as a ledger kept it."""
        if self._store is None or self._store.info.format_version < SPECS_SINCE:
            return {}
        return self._store.read(queries.read_specs)

    @property
    def keeps_specs(self) -> bool:
        """Tell whether there is a ledger that could keep some without being migrated."""
        return self._store is not None and self._store.info.format_version == FORMAT_VERSION

    async def records(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, LedgerRecord]:
        """Look rows up by key."""
        return {} if self._store is None else self._store.read(lambda db: queries.read_records(db, keys))

    async def standings(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, RowStanding]:
        """Look up only what tells finished rows from others."""
        return {} if self._store is None else self._store.read(lambda db: queries.read_standings(db, keys))

    async def taken_up(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, TakenUp]:
        """Say as what unfinished rows were finished before a run took them up once more."""
        if self._store is None or self._store.info.format_version < TAKEN_UP_SINCE:
            return {}
        return self._store.read(lambda db: queries.read_taken_up(db, keys))

    async def conflicts(
        self, names: Sequence[tuple[EndpointKey, str, str, str]]
    ) -> dict[EndpointKey, NameConflict]:
        """Say which other key has a row's name already."""
        return {} if self._store is None else self._store.read(lambda db: queries.read_conflicts(db, names))

    async def holders(self, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        """Say which rows hold these connection ids."""
        wanted = tuple(ids)
        return {} if self._store is None else self._store.read(lambda db: queries.read_holders(db, wanted))
