"""Late twins: names under which an attempt was ambiguous are looked up again, for a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bulkconn.core.lifecycle import State
from bulkconn.core.record import Move
from bulkconn.core.settle import find_twins
from bulkconn.engine.settling import doubt_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.record import LedgerRecord, Watch
    from bulkconn.core.reply import ListedConnection
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker

#: How long after its last ambiguous attempt a name may still get a twin.
WATCH_FOR: Final = timedelta(hours=24)
_BATCH: Final = 100


class TwinWatch:
    """Looks for connections that a POST of ours made after we had given it up."""

    def __init__(self, run: RunContext, looker: Looker, is_counted: Callable[[EndpointKey], bool]) -> None:
        self._run = run
        self._looker = looker
        self._is_counted = is_counted

    async def look(self) -> None:
        """Look every watched name up once, until all are seen or the run stops."""
        run = self._run
        since = run.clock.now() - WATCH_FOR
        after: EndpointKey | None = None
        while not run.stops.is_stopping:
            watches = await run.ledger.watched(since=since, after=after, limit=_BATCH)
            if not watches:
                return
            after = watches[-1].key
            records = await run.ledger.records([watch.key for watch in watches])
            for watch in watches:
                record = records.get(watch.key)
                if record is not None and may_have_twin(record) and not run.stops.is_stopping:
                    await self._look_at(watch, record)
                    records.update(await run.ledger.records([watch.key]))

    async def _look_at(self, watch: Watch, record: LedgerRecord) -> None:
        run = self._run
        listing = await self._looker.find(watch.sent_as)
        if listing is None:
            return
        holders = await run.ledger.holders([item.connection_id for item in listing.items])
        run.own_clients.update(
            item.created_client
            for item in listing.items
            if item.created_client is not None and holders.get(item.connection_id) == record.key
        )
        doubt = doubt_of(run, record.key, watch.sent_as, record.seen_ids)
        twins = find_twins(doubt, record.connection_id, listing.items, holders)
        news = tuple(item.connection_id for item in twins if item.connection_id not in record.other_ids)
        if news:
            await self._hold(record, news, twins)

    async def _hold(
        self, record: LedgerRecord, news: tuple[ConnectionId, ...], twins: tuple[ListedConnection, ...]
    ) -> None:
        run = self._run
        now = run.clock.now()
        ids = tuple(dict.fromkeys([*record.other_ids, *news]))
        shown = ([record.connection_id] if record.connection_id else []) + list(ids)
        if record.connection_id is None and len(twins) == 1:
            reason = "an earlier attempt took effect after all"
        else:
            reason = "a late twin showed up"
        changes = []
        if record.state in {State.FAILED, State.HELD}:
            changes.append(Move(record.key, State.PENDING, now, run.run_id))
        changes.append(
            Move(
                record.key,
                State.HELD,
                now,
                run.run_id,
                error_code="twin",
                error_message=f"{reason}: {', '.join(shown)}",
                other_ids=ids,
            )
        )
        await run.ledger.commit(changes)
        if self._is_counted(record.key):
            run.tally.move(record.state.value, State.HELD.value)
        run.log.warning("row.held", endpoint_key=record.key, code="twin", ids=shown)


def may_have_twin(record: LedgerRecord) -> bool:
    """Tell whether a row may have more connections than it accounts for.

    One that was claimed by a lookup is watched too: what was found may have been a stranger's namesake.
    """
    return record.ambiguous > 0 and record.state not in {State.SENDING, State.IN_DOUBT, State.ADOPTED}
