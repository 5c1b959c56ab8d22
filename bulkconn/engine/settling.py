"""Settling: what became of a POST that nobody answered, found out by looking."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final, assert_never

from bulkconn.core.facts import RowStaysInDoubt
from bulkconn.core.lifecycle import State
from bulkconn.core.names import loose_name
from bulkconn.core.pace import backoff_s
from bulkconn.core.record import Move, Note, Provenance, SentAs
from bulkconn.core.settle import (
    Absent,
    Claim,
    Control,
    Doubt,
    Findings,
    Hold,
    LookAgain,
    Looks,
    StayInDoubt,
    decide_settlement,
    first_look_at_s,
    judge_listing,
)
from bulkconn.engine.controls import Controls
from bulkconn.engine.rows import Row, Work

if TYPE_CHECKING:
    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.reply import ListedConnection, Listing
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker

#: Open doubts in one sandbox beyond which one listing serves them all.
LISTING_FROM: Final = 200
#: Looks that may stay incomplete before a row is left in doubt for this run.
_FAILED_LOOKS_MAX: Final = 5


def marker_of(run: RunContext, key: EndpointKey) -> str:
    """Give the proof of ownership that a run with markers appends to a row's description.

    It is recognised by every run of the ledger, also by one that writes none.
    """
    return f"[bulkconn:{run.ledger.info.ledger_id}/{_key_hash(key)}]"


@lru_cache(maxsize=1024)
def _key_hash(key: EndpointKey) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def doubt_of(run: RunContext, key: EndpointKey, sent_as: SentAs, seen_ids: tuple[ConnectionId, ...]) -> Doubt:
    """Say whom to look for, with everything by which this run tells its own from a stranger's."""
    return Doubt(
        key,
        sent_as,
        seen_ids,
        client_id=run.settings.client_id,
        marker=marker_of(run, key),
        own_clients=frozenset(run.own_clients),
        org_id=run.ledger.info.target.org_id,
    )


class Settler:
    """Looks doubts up until they are claimed, held, absent, or left in doubt."""

    def __init__(self, run: RunContext, looker: Looker) -> None:
        self._run = run
        self._looker = looker
        self._open: Counter[str] = Counter()
        self._asked_for_client: set[str] = set()
        self._controls = Controls(run, self._complete_lookup, self._lists_whole)

    def begin(self, row: Row, since_s: float) -> None:
        """Take a row in doubt in; its grace counts from `since_s`."""
        row.looks = Looks(since_s)
        self._open[row.sandbox] += 1
        self._run.queue.later(
            Work.LOOK, row, first_look_at_s(since_s, self._run.settings.patience.settle_grace_s)
        )

    def begin_again(self, row: Row, since_s: float) -> None:
        """Take a row in that was found in doubt at the start: it is looked up at once."""
        row.looks = row.looks or Looks(since_s)
        self._open[row.sandbox] += 1
        self._run.queue.later(Work.LOOK, row, self._run.clock.elapsed_s())

    async def look(self, row: Row) -> None:
        """Look a doubt up once, and act on what that shows."""
        run = self._run
        if row.looks is None or row.sent_as is None:
            raise AssertionError("a row without a doubt cannot be looked up")
        if run.stops.is_parked(row.sandbox, row.source):
            self._close(row)
            return
        run.tell_taken(row)
        found = await self._complete_lookup(row.sent_as, row.sandbox)
        if found is None:
            await self._not_known(row)
            return
        begun_s, listing = found
        row.looks = replace(row.looks, complete=row.looks.complete + 1, last_begun_s=begun_s)
        findings = await self.judge(row, listing)
        if findings.blockers and not findings.ours and await self._learn_client(row.sent_as.sandbox):
            findings = await self.judge(row, listing)
        control = Control.NONE
        if self._is_last_word(row, findings):
            control = await self._controls.verdict(
                row.sent_as.sandbox, row.looks.since_s, tier=row.looks.hidden_controls
            )
            if control is Control.HIDDEN:
                row.looks = replace(row.looks, hidden_controls=row.looks.hidden_controls + 1)
        await self._act(row, findings, control)

    async def judge(self, row: Row, listing: Listing) -> Findings:
        """Sort what a lookup shows into ours and blockers, for one row."""
        run = self._run
        if row.sent_as is None:
            raise AssertionError("a row that was never sent has nothing to claim")
        near = listing.near(loose_name(row.sent_as.name), marker_of(run, row.key))
        holders = await run.ledger.holders([item.connection_id for item in near]) if near else {}
        return judge_listing(doubt_of(run, row.key, row.sent_as, row.seen_ids), near, holders)

    async def claim(self, row: Row, item: ListedConnection) -> None:
        """The connection is there and ours: take its id."""
        run = self._run
        await run.move(
            row,
            Move(
                row.key,
                State.CREATED,
                run.clock.now(),
                run.run_id,
                connection_id=item.connection_id,
                etag=item.etag,
                provenance=Provenance.LOOKUP,
            ),
        )
        row.connection_id = item.connection_id
        run.this_run.settled += 1
        run.patience.on_definitive()
        run.same_fault.on_success()
        run.log.info("row.settled", endpoint_key=row.key, connection_id=item.connection_id)

    async def hold(self, row: Row, ids: tuple[ConnectionId, ...], code: str, reason: str) -> None:
        """A human must look: keep every id in question."""
        run = self._run
        message = f"{reason}: {', '.join(ids)}"
        await run.move(
            row,
            Move(
                row.key,
                State.HELD,
                run.clock.now(),
                run.run_id,
                error_code=code,
                error_message=message,
                other_ids=tuple(one for one in ids if one != row.connection_id),
            ),
        )
        run.log.warning("row.held", endpoint_key=row.key, code=code, ids=list(ids))

    async def _act(self, row: Row, findings: Findings, control: Control) -> None:
        run = self._run
        if row.looks is None:
            raise AssertionError("a row without a doubt cannot be settled")
        settlement = decide_settlement(
            findings,
            row.looks,
            control=control,
            grace_s=run.settings.patience.settle_grace_s,
            certainly_created=row.certainly_created,
        )
        match settlement:
            case Claim(item):
                self._close(row)
                await self.claim(row, item)
            case Hold(items, reason):
                self._close(row)
                run.this_run.settled += 1
                await self.hold(
                    row, tuple(item.connection_id for item in items), "not_certainly_ours", reason
                )
            case LookAgain(at_s):
                if row.glance_only:
                    self._close(row)
                else:
                    run.queue.later(Work.LOOK, row, max(at_s, run.clock.elapsed_s()))
            case Absent():
                self._close(row)
                await self._absent(row)
            case StayInDoubt(reason):
                self._close(row)
                await self._stay(row, reason)
            case _:
                assert_never(settlement)

    async def _absent(self, row: Row) -> None:
        run = self._run
        if row.glance_only:
            return
        if row.rejection is not None:
            await self._fail(row, row.rejection.code, row.rejection.message)
        elif row.endpoint is None:
            await run.move(row, Move(row.key, State.PENDING, run.clock.now(), run.run_id))
            run.this_run.settled += 1
        elif self.is_used_up(row):
            await self.fail_used_up(row)
        else:
            row.cleared_at_s = run.clock.elapsed_s()
            run.queue.later(Work.RETRY, row, row.cleared_at_s)

    def counts(self, row: Row) -> bool:
        """Tell whether sending a row again uses up one of its resends: not after what was not its fault."""
        if row.is_excused:
            return False
        return row.doubt_streak is None or not self._run.outage.is_excused(row.doubt_streak)

    def is_used_up(self, row: Row) -> bool:
        """Tell whether a row that may have been processed has been sent again often enough."""
        return row.resends >= self._run.settings.patience.max_resends and self.counts(row)

    async def fail_used_up(self, row: Row) -> None:
        """Give a row up that was sent again and again without an answer."""
        await self._fail(
            row,
            "resends_exhausted",
            f"sent {row.attempts} times without an answer, and no lookup shows a connection",
        )

    async def _fail(self, row: Row, code: str, message: str) -> None:
        run = self._run
        now = run.clock.now()
        request_id = row.rejection.request_id if row.rejection else None
        failed = Move(
            row.key,
            State.FAILED,
            now,
            run.run_id,
            error_code=code,
            error_message=message,
            request_id=request_id,
        )
        is_pending = row.state is State.PENDING
        to_pending = [] if is_pending else [Move(row.key, State.PENDING, now, run.run_id)]
        await run.move(row, failed, before=to_pending)
        run.log.warning("row.failed", endpoint_key=row.key, code=code)

    async def _stay(self, row: Row, reason: str) -> None:
        run = self._run
        run.left_in_doubt.add(row.key)
        await run.ledger.commit(
            [Note(row.key, run.clock.now(), error_code="not_settled", error_message=reason)]
        )
        run.log.warning("row.in_doubt", endpoint_key=row.key, reason=reason)
        run.tell(RowStaysInDoubt(row.whom, reason))

    async def _not_known(self, row: Row) -> None:
        run = self._run
        if run.stops.is_stopping or row.glance_only or run.stops.is_parked(row.sandbox, row.source):
            self._close(row)
            return
        row.failed_looks += 1
        if row.failed_looks >= _FAILED_LOOKS_MAX:
            self._close(row)
            await self._stay(row, "lookups of this name were never complete")
            return
        wait_s = backoff_s(row.failed_looks + 2, run.dice.random())
        run.queue.later(Work.LOOK, row, run.clock.elapsed_s() + wait_s)

    async def _complete_lookup(self, sent_as: SentAs, sandbox: str) -> tuple[float, Listing] | None:
        begun_s = self._run.clock.elapsed_s()
        if self._lists_whole(sandbox):
            return await self._looker.listing(sent_as.sandbox, begun_after_s=begun_s)
        listing = await self._looker.find(sent_as)
        return None if listing is None else (begun_s, listing)

    def _lists_whole(self, sandbox: str) -> bool:
        return self._open[sandbox] > LISTING_FROM

    def _is_last_word(self, row: Row, findings: Findings) -> bool:
        """Tell whether this look could be the one after which a row counts as absent."""
        grace_s = self._run.settings.patience.settle_grace_s
        return (
            row.looks is not None
            and not (findings.ours or findings.blockers or row.certainly_created or row.glance_only)
            and grace_s is not None
            and row.looks.last_begun_s >= row.looks.since_s + grace_s
        )

    async def _learn_client(self, sandbox: str) -> bool:
        """See what the service shows as `createdClient` of a connection that is certainly ours.

        Adobe's pages do not say that it is the client id. True when something new was learnt.
        """
        run = self._run
        if sandbox in self._asked_for_client:
            return False
        record = await run.ledger.known_connection(sandbox)
        if record is None:
            return False
        self._asked_for_client.add(sandbox)
        as_sent = record.sent_as or SentAs(record.sandbox, record.name, record.connection_spec_id)
        listing = await self._looker.find(as_sent)
        shown = {
            item.created_client
            for item in (listing.items if listing is not None else ())
            if item.connection_id == record.connection_id and item.created_client is not None
        }
        news = shown - run.own_clients - {run.settings.client_id}
        run.own_clients |= news
        return bool(news)

    def _close(self, row: Row) -> None:
        self._open[row.sandbox] -= 1
