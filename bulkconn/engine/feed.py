"""The feeder: rows of the inventory, a batch at a time, become work in the queue."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Final

from bulkconn.core.custom import place_label
from bulkconn.core.lifecycle import State
from bulkconn.core.plan import Action, plan_action
from bulkconn.core.record import Change, DoubtSince, Move, Note, RowSeen
from bulkconn.engine.rows import WAITING_MAX, Row
from bulkconn.engine.survey import taken_up_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.record import LedgerRecord
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.settling import Settler

#: Error codes of doubts that use up nothing of their row.
_EXCUSES: Final = frozenset({"cut_off", "interrupted"})
#: Finished rows that a run may take up once more, if asked.
_TAKEN_UP: Final = frozenset({State.FAILED, State.DELETED})
#: Rows read, compared with the ledger and queued at a time.
BATCH_ROWS: Final = 200


class Feeder:
    """Fills the queue and never runs far ahead of it."""

    def __init__(self, run: RunContext, settler: Settler) -> None:
        self._run = run
        self._settler = settler
        self._room = asyncio.Event()
        #: Keys whose doubts were taken in from the inventory, so that the ledger need not bring them up.
        self.taken: set[EndpointKey] = set()

    def on_taken(self) -> None:
        """The dispatcher took work: there may be room for more."""
        self._room.set()

    async def feed_first_sends(self, endpoints: Callable[[], Iterable[Endpoint]]) -> None:
        """Queue every row that was never sent or certainly not processed.

        After a stop that is not an interrupt the rest is still written down as pending, unsent.
        """
        for batch in _batches(endpoints()):
            if self._run.stops.is_interrupted:
                return
            await self._feed_batch(batch)
            await self._wait_for_room()

    async def feed_doubts(self, endpoints: Callable[[], Iterable[Endpoint]]) -> None:
        """Queue every row of the inventory that is in doubt and may be sent again once it is settled."""
        run = self._run
        for batch in _batches(endpoints()) if run.doubtful else ():
            if run.stops.is_stopping:
                return
            keys = [one.key for one in batch if one.key in run.doubtful and one.key not in run.left_in_doubt]
            records = await run.ledger.records(keys) if keys else {}
            taken_up = await taken_up_before(run.ledger, keys, reopen=run.settings.reopen)
            for endpoint in batch:
                record = records.get(endpoint.key)
                if record is None or record.state is not State.IN_DOUBT:
                    continue
                # A doubt that is not of the retry is a leftover: it is settled, and not sent again.
                if run.settings.reopen.may_send(taken_up.get(endpoint.key)):
                    self.taken.add(record.key)
                    await self.take_doubt(record, endpoint, counted=True)
                    await self._wait_for_room()

    async def feed_ledger_doubts(
        self, is_counted: Callable[[EndpointKey], bool], *, glance_only: bool = False
    ) -> None:
        """Queue the ledger's doubts for lookups alone: nothing is sent for them.

        With `glance_only` each is looked up once, and what that does not settle waits for a later phase.
        """
        run = self._run
        after: EndpointKey | None = None
        while not run.stops.is_stopping:
            records = await run.ledger.doubted(after=after, limit=BATCH_ROWS)
            if not records:
                return
            after = records[-1].key
            for record in records:
                if record.key not in self.taken and record.key not in run.left_in_doubt:
                    await self.take_doubt(
                        record, None, counted=is_counted(record.key), glance_only=glance_only
                    )
            await self._wait_for_room()

    async def take_doubt(
        self,
        record: LedgerRecord,
        endpoint: Endpoint | None,
        *,
        counted: bool,
        glance_only: bool = False,
    ) -> None:
        """Take one row in doubt in, its grace counted from the doubt's beginning where that is known."""
        run = self._run
        row = row_of(record, endpoint)
        row.counted = counted
        row.glance_only = glance_only
        since = record.doubt_since
        # What another holder sent may be on its way for some while yet: a doubt may begin later than now.
        quiet_s = max(run.clock.elapsed_s(), run.ledger.quiet_at_s)
        if since is None or since.clock_id != run.clock.clock_id or since.at_s > quiet_s:
            since = DoubtSince(run.clock.clock_id, quiet_s)
            await run.ledger.commit(
                [
                    Note(
                        row.key,
                        run.clock.now(),
                        error_code=record.error_code,
                        error_message=record.error_message,
                        doubt_since=since,
                    )
                ]
            )
        self._settler.begin_again(row, since.at_s)

    async def _feed_batch(self, batch: list[Endpoint]) -> None:
        run = self._run
        reopen, keys = run.settings.reopen, [one.key for one in batch]
        records = await run.ledger.records(keys)
        taken_up = await taken_up_before(run.ledger, keys, reopen=reopen)
        changes: list[Change] = []
        rows: list[Row] = []
        for endpoint in batch:
            record = records.get(endpoint.key)
            planned = plan_action(endpoint, record, reopen=reopen, taken_up=taken_up.get(endpoint.key))
            if planned.action is not Action.CREATE:
                continue
            now = run.clock.now()
            if record is not None and record.state in _TAKEN_UP:
                changes.append(Move(endpoint.key, State.PENDING, now, run.run_id, takes_up=True))
            changes.append(RowSeen(endpoint, now))
            rows.append(row_of(record, endpoint))
        if changes:
            await run.ledger.commit(changes)
        if run.stops.is_stopping:
            return
        for row in rows:
            run.queue.send(row)

    async def _wait_for_room(self) -> None:
        run = self._run
        while not run.stops.is_stopping and (
            run.queue.ready > BATCH_ROWS or run.queue.waiting >= WAITING_MAX
        ):
            self._room.clear()
            await self._room.wait()


def row_of(record: LedgerRecord | None, endpoint: Endpoint | None) -> Row:
    """Make the working row of a record, an endpoint, or both."""
    if record is None:
        if endpoint is None:
            raise AssertionError("a row is known by its record or its endpoint")
        label = place_label(endpoint.source, endpoint.connection_spec_id)
        return Row(endpoint.key, State.PENDING, endpoint.sandbox, label, endpoint)
    is_taken_up = record.state in _TAKEN_UP
    # What it had was deleted, so it is no connection of this row any more; the ledger forgets it likewise.
    is_gone = record.state is State.DELETED
    return Row(
        record.key,
        State.PENDING if is_taken_up else record.state,
        endpoint.sandbox if endpoint else record.sandbox,
        place_label(record.source, (endpoint or record).connection_spec_id),
        endpoint,
        sent_as=record.sent_as,
        seen_ids=record.seen_ids,
        connection_id=None if is_gone else record.connection_id,
        attempts=record.attempts,
        ambiguous=record.ambiguous,
        resends=0 if is_taken_up else record.resends,
        certainly_created=record.certainly_created and not is_gone,
        is_excused=record.error_code in _EXCUSES,
    )


def _batches(endpoints: Iterable[Endpoint]) -> Iterator[list[Endpoint]]:
    iterator = iter(endpoints)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch
