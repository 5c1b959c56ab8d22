"""Deduping: names with several connections are found by listing, and what is spare is deleted on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.dedupe import (
    Double,
    Fate,
    find_doubles,
    is_owner,
    judge_double,
    may_be_created_again,
    note_uses,
)
from bulkconn.core.lifecycle import State
from bulkconn.core.protocols import ConnectionPlace
from bulkconn.core.record import Move
from bulkconn.core.removal import Refused, Removed, read_presence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bulkconn.core.dedupe import Bearer
    from bulkconn.core.names import ConnectionId, EndpointKey, LedgerId
    from bulkconn.core.protocols import UpkeepApi
    from bulkconn.core.record import LedgerRecord
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker
    from bulkconn.engine.removing import Remover
    from bulkconn.engine.uses import UseLooker

#: Ids asked of the ledger at a time.
_CHUNK: Final = 500


class DoubleFinder:
    """Finds doubles in sandboxes and says who owns what. Changes nothing. The gate must be served."""

    def __init__(self, run: RunContext, looker: Looker, uses: UseLooker, ledger_id: LedgerId) -> None:
        self._run = run
        self._ledger_id = ledger_id
        self._looker = looker
        self._uses = uses

    async def find(self, sandbox: str, is_wanted: Callable[[str, str], bool]) -> list[Double] | None:
        """Give the doubles of a sandbox, with what is built on spare connections; None: not known."""
        listing = await self._looker.listing(sandbox, begun_after_s=float("-inf"))
        if listing is None:
            return None
        groups = find_doubles(sandbox, listing[1].items, is_wanted)
        owners = await self._owners([one.connection_id for group in groups for one in group])
        doubles = [judge_double(sandbox, group, owners, self._ledger_id) for group in groups]
        for double in doubles:
            for one in double.bearers:
                if one.fate is Fate.SPARE:
                    place = ConnectionPlace(sandbox, one.item.connection_id)
                    note_uses(one, *await self._uses.count(place))
        return doubles

    async def _owners(self, ids: Sequence[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        ledger = self._run.ledger
        found: dict[ConnectionId, EndpointKey] = {}
        for start in range(0, len(ids), _CHUNK):
            holders = await ledger.holders(ids[start : start + _CHUNK])
            records = await ledger.records(list(holders.values()))
            found |= {one: key for one, key in holders.items() if key in records and is_owner(records[key])}
        return found


class Deduper:
    """Deletes what it was told to delete, and lets rows be created again that are alone by then.

    Repeat: safe, as every DELETE by id is.
    """

    def __init__(
        self,
        run: RunContext,
        looker: Looker,
        uses: UseLooker,
        remover: Remover,
        api: UpkeepApi,
    ) -> None:
        self._run = run
        self._looker = looker
        self._uses = uses
        self._remover = remover
        self._api = api
        #: Connections that are certainly gone.
        self.gone: set[ConnectionId] = set()
        #: Rows that had been held and are created now.
        self.settled_rows = 0

    async def dedupe(self, job: tuple[Double, Sequence[Bearer]]) -> None:
        """Delete these spare connections of one name, if one that the ledger owns is certainly there."""
        double, chosen = job
        owned = [one.item.connection_id for one in double.bearers if one.fate is Fate.OWNED]
        for one in chosen:
            if one.fate is not Fate.SPARE or self._run.stops.is_stopping:
                continue
            if not owned or await self._is_there(double.sandbox, owned[0]) is not True:
                one.fate, one.message = Fate.UNKNOWN, "the ledger's own connection could not be seen"
                continue
            place = ConnectionPlace(double.sandbox, one.item.connection_id)
            # Somebody may have built on it while the list was read.
            note_uses(one, *await self._uses.count(place))
            if one.fate is Fate.SPARE:
                await self._remove(one, place)

    async def _remove(self, bearer: Bearer, place: ConnectionPlace) -> None:
        said = await self._remover.remove(place)
        if isinstance(said, Removed):
            bearer.fate, bearer.message = Fate.DELETED, ""
            self.gone.add(place.connection_id)
            self._run.log.info("connection.deleted", connection_id=place.connection_id)
        elif isinstance(said, Refused):
            bearer.fate, bearer.message = Fate.REFUSED, f"{said.code}: {said.message}"
        elif said.outcome is not None:
            bearer.fate, bearer.message = Fate.UNKNOWN, f"{said.outcome.code}: {said.outcome.message}"

    async def settle(self, key: EndpointKey, doubles: Iterable[Double]) -> None:
        """Let a held row be created again if its own connection is the only one left of those in question."""
        run = self._run
        record = (await run.ledger.records([key])).get(key)
        if record is None or record.connection_id is None:
            return
        sandbox = record.sent_as.sandbox if record.sent_as else record.sandbox
        is_there = await self._is_there(sandbox, record.connection_id) is True
        gone = {one for one in record.other_ids if one in self.gone}
        for one in record.other_ids:
            if one not in gone and await self._is_there(sandbox, one) is False:
                gone.add(one)
        left = _left(record, doubles, gone)
        if not may_be_created_again(record, left, is_there=is_there, gone=gone):
            return
        deleted = tuple(one for one in record.other_ids if one in self.gone)
        move = Move(
            *(record.key, State.CREATED, run.clock.now(), run.run_id), other_ids=(), deleted_ids=deleted
        )
        await run.ledger.commit([move])
        self.settled_rows += 1
        run.log.info("row.alone_again", endpoint_key=key, connection_id=record.connection_id)

    async def _is_there(self, sandbox: str, connection_id: ConnectionId) -> bool | None:
        place = ConnectionPlace(sandbox, connection_id)
        there = await self._looker.ask(
            sandbox,
            lambda token: self._api.show(place, token),
            lambda reply: read_presence(reply, connection_id),
            odd="the answer shows no connection",
        )
        return there if isinstance(there, bool) else None


def _left(record: LedgerRecord, doubles: Iterable[Double], gone: set[ConnectionId]) -> set[ConnectionId]:
    """Give what bears the row's name still, as far as it was listed."""
    own = record.connection_id
    groups = [one.bearers for one in doubles if any(own == each.item.connection_id for each in one.bearers)]
    ids = {one.item.connection_id for group in groups for one in group if one.fate is not Fate.DELETED}
    return ids - gone
