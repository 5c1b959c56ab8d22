"""Clearance: nothing of a row's name may stand in the sandbox unaccounted for when its POST leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.adoption import shows_same_database
from bulkconn.core.lifecycle import State
from bulkconn.core.pace import backoff_s
from bulkconn.core.plan import Adopt, HoldExisting, Send, decide_existing
from bulkconn.core.record import Move, Provenance, RowSeen, SentAs
from bulkconn.core.settle import Looks
from bulkconn.engine.rows import Row, Work

if TYPE_CHECKING:
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.reply import ListedConnection
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.existing import ExistingNames
    from bulkconn.engine.lookup import Looker
    from bulkconn.engine.settling import Settler


class Clearance:
    """Decides, by looking, whether a row may be sent: else it is adopted, held, or left for later."""

    def __init__(self, run: RunContext, *, existing: ExistingNames, looker: Looker, settler: Settler) -> None:
        self._run = run
        self._existing = existing
        self._looker = looker
        self._settler = settler

    async def is_given(self, row: Row, endpoint: Endpoint) -> bool:
        """Look at the names that exist before a row is sent.

        A row that was sent under this very name before is cleared by what became of that attempt; a new
        name, also that of a row edited since, by the policy for names that exist already.
        """
        identity = SentAs(endpoint.sandbox, endpoint.name, endpoint.connection_spec_id)
        if row.state is not State.IN_DOUBT and row.ambiguous and not await self._has_no_twin(row):
            return False
        if row.ambiguous and row.sent_as == identity:
            return True
        existing = await self._existing.like_named(endpoint)
        if existing is None:
            return False
        holders = (
            await self._run.ledger.holders([item.connection_id for item in existing]) if existing else {}
        )
        decision = decide_existing(
            endpoint,
            existing,
            policy=self._run.settings.on_existing,
            holders=holders,
            is_same_database=lambda ours, item: shows_same_database(ours, item.visible),
        )
        match decision:
            case Send(seen_ids):
                row.seen_ids = tuple(dict.fromkeys((*row.seen_ids, *seen_ids)))
                return True
            case Adopt(item):
                await self._adopt(row, endpoint, item)
            case HoldExisting(items, reason):
                await self._to_pending(row, endpoint)
                ids = tuple(item.connection_id for item in items)
                await self._settler.hold(row, ids, "name_exists", reason)
        return False

    async def _has_no_twin(self, row: Row) -> bool:
        """Look once more for a row that was sent ambiguously before and is about to be sent again."""
        run = self._run
        if row.sent_as is None:
            return True
        listing = await self._looker.find(row.sent_as)
        if listing is None:
            run.queue.later(Work.RETRY, row, run.clock.elapsed_s() + backoff_s(3, run.dice.random()))
            return False
        findings = await self._settler.judge(row, listing)
        found = findings.ours + findings.blockers
        if found:
            ids = tuple(item.connection_id for item in found)
            await self._settler.hold(row, ids, "twin", "an earlier attempt took effect after all")
            return False
        grace_s = run.settings.patience.settle_grace_s
        if row.looks is None and grace_s is not None:
            # It is pending, so it was found absent beyond its grace: one look is enough from now on.
            row.looks = Looks(run.clock.elapsed_s() - grace_s, complete=1)
        row.cleared_at_s = run.clock.elapsed_s()
        return True

    async def _adopt(self, row: Row, endpoint: Endpoint, item: ListedConnection) -> None:
        run = self._run
        await self._to_pending(row, endpoint)
        adopted = Move(
            row.key,
            State.ADOPTED,
            run.clock.now(),
            run.run_id,
            connection_id=item.connection_id,
            etag=item.etag,
            provenance=Provenance.ADOPT,
        )
        await run.move(row, adopted)
        run.this_run.adopted += 1
        run.same_fault.on_success()
        run.log.debug("row.adopted", endpoint_key=row.key, connection_id=item.connection_id)

    async def _to_pending(self, row: Row, endpoint: Endpoint) -> None:
        """Bring a row to `pending`, with its content as the inventory has it now."""
        run = self._run
        if row.state is State.PENDING:
            return
        now = run.clock.now()
        was, move = row.state, Move(row.key, State.PENDING, now, run.run_id)
        await run.ledger.commit([move, RowSeen(endpoint, now)])
        run.follow(row, State.PENDING)
        run.tell_moved(row, move, was)
