"""Late twins: names under which an attempt was ambiguous are looked up again, for a day."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bulkconn.core.facts import RowMoved, Whom
from bulkconn.core.lifecycle import State
from bulkconn.core.names import loose_name
from bulkconn.core.record import Move
from bulkconn.core.settle import find_twins
from bulkconn.engine.settling import LISTING_FROM, doubt_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.record import LedgerRecord, SentAs, Watch
    from bulkconn.core.reply import ListedConnection, Listing
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
        self._began_s = run.clock.elapsed_s()
        self._looked_up: Counter[str] = Counter()

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
            by_key: dict[EndpointKey, list[Watch]] = {}
            for watch in watches:
                by_key.setdefault(watch.key, []).append(watch)
            await self._look_at_all(list(by_key.values()))

    async def _look_at_all(self, watched: list[list[Watch]]) -> None:
        """Look at some keys at once, each at one of its names after the other."""
        places = asyncio.Semaphore(self._run.settings.pace.concurrency)
        records = await self._run.ledger.records([watches[0].key for watches in watched])

        async def look_at_names(watches: list[Watch]) -> None:
            async with places:
                for watch in watches:
                    record = records.get(watch.key)
                    if record is None or not may_have_twin(record) or self._run.stops.is_stopping:
                        return
                    if await self._look_at(watch, record):
                        records.update(await self._run.ledger.records([watch.key]))

        # Not a TaskGroup: it would wrap a ledger's trouble, which ends the run under its own name.
        results = await asyncio.gather(*map(look_at_names, watched), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _lookup(self, sent_as: SentAs) -> Listing | None:
        """Look one name up; in a sandbox with many watched names one listing serves them all."""
        self._looked_up[sent_as.sandbox] += 1
        if self._looked_up[sent_as.sandbox] <= LISTING_FROM:
            return await self._looker.find(sent_as)
        found = await self._looker.listing(sent_as.sandbox, begun_after_s=self._began_s)
        return None if found is None else found[1]

    async def _look_at(self, watch: Watch, record: LedgerRecord) -> bool:
        """Look one name up; True when that changed the row."""
        run = self._run
        listing = await self._lookup(watch.sent_as)
        if listing is None:
            return False
        near = listing.near(loose_name(watch.sent_as.name))
        holders = await run.ledger.holders([item.connection_id for item in near])
        run.own_clients.update(
            item.created_client
            for item in near
            if item.created_client is not None and holders.get(item.connection_id) == record.key
        )
        doubt = doubt_of(run, record.key, watch.sent_as, record.seen_ids)
        twins = find_twins(doubt, record.connection_id, near, holders)
        news = tuple(item.connection_id for item in twins if item.connection_id not in record.other_ids)
        if news:
            await self._hold(record, news, twins)
        return bool(news)

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
        if record.state in {State.FAILED, State.HELD, State.DELETED}:
            changes.append(Move(record.key, State.PENDING, now, run.run_id))
        held = Move(
            record.key,
            State.HELD,
            now,
            run.run_id,
            error_code="twin",
            error_message=f"{reason}: {', '.join(shown)}",
            other_ids=ids,
        )
        await run.ledger.commit([*changes, held])
        is_counted = self._is_counted(record.key)
        whom = Whom(record.key, record.name, record.sandbox, record.source)
        run.tell(RowMoved(whom, held, record.state, record.attempts, is_counted=is_counted))
        if is_counted:
            run.tally.move(run.count_name(record.key, record.state), State.HELD.value)
        run.log.warning("row.held", endpoint_key=record.key, code="twin", ids=shown)


def may_have_twin(record: LedgerRecord) -> bool:
    """Tell whether a row may have more connections than it accounts for.

    One that was claimed by a lookup is watched too: what was found may have been a stranger's namesake.
    """
    return record.ambiguous > 0 and record.state not in {State.SENDING, State.IN_DOUBT, State.ADOPTED}
