"""A rollback: which rows are meant, and the work of deleting what this ledger created for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from bulkconn.core.lifecycle import State
from bulkconn.core.protocols import ConnectionPlace
from bulkconn.core.record import Move
from bulkconn.core.removal import IN_USE, Refused, Removed
from bulkconn.core.rollback import Delete, KeptRow, Spare, Spared, decide_rollback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence

    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.record import LedgerRecord
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.removing import Remover, Unanswered

#: Rows read from the ledger at a time.
_BATCH: Final = 200
#: Rows that a report tells one by one.
KEPT_MAX: Final = 10_000
_UNSURE: Final = frozenset({State.IN_DOUBT, State.SENDING})


class Book(Protocol):
    """What a rollback asks of a ledger that is open, to read it or to work on it."""

    async def rows_in(self, states: Collection[State], run_id: RunId | None) -> Sequence[int]:
        """Give the numbers of rows in these states, of one run or (None) of all."""
        ...

    async def numbered(self, numbers: Sequence[int]) -> list[LedgerRecord]:
        """Give the rows of these numbers."""
        ...

    async def vouched(self) -> Mapping[EndpointKey, Collection[ConnectionId]]:
        """Give the ids that a 201 brought, for each held row."""
        ...

    async def holders(self, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        """Say which rows hold these ids."""
        ...


@dataclass(slots=True)
class Chosen:
    """The rows that a rollback is about: how many have what is to be deleted, and a digest of exactly that.

    `in_doubt` rows may have a connection that nobody knows yet; `spared` those that are held and not
    certainly ours.
    """

    numbers: Sequence[int]
    rows: int = 0
    connections: int = 0
    in_doubt: int = 0
    spared: list[KeptRow] = field(default_factory=list)
    spared_rows: int = 0
    digest: str = ""


class Choice:
    """Finds the rows of a rollback, twice alike unless the ledger moved on."""

    def __init__(self, book: Book, states: Collection[State], run_id: RunId | None) -> None:
        self._book = book
        self._states = states
        self._run_id = run_id

    async def choose(self, *, asks_for_doubts: bool) -> Chosen:
        """Go over all rows in question and count them."""
        chosen = Chosen(await self._book.rows_in(self._states, self._run_id))
        if asks_for_doubts:
            chosen.in_doubt = len(await self._book.rows_in(_UNSURE, self._run_id))
        digest = sha256()
        async for record, decision in self.decisions(chosen):
            if isinstance(decision, Spare):
                chosen.spared_rows += 1
                if len(chosen.spared) < KEPT_MAX:
                    why = Spared.NOT_CERTAINLY_OURS
                    chosen.spared.append(_kept(record, record.other_ids, why, why.value, decision.message))
                continue
            chosen.rows += 1
            chosen.connections += len(decision.ids)
            digest.update("\0".join((record.key, *decision.ids, "\n")).encode("utf-8", "surrogatepass"))
        chosen.digest = digest.hexdigest()
        return chosen

    async def decisions(self, chosen: Chosen) -> AsyncIterator[tuple[LedgerRecord, Delete | Spare]]:
        """Give each row that has something of ours, and what is to be done about it."""
        vouched = await self._book.vouched() if State.HELD in self._states else {}
        numbers = iter(chosen.numbers)
        while batch := list(islice(numbers, _BATCH)):
            records = await self._book.numbered(batch)
            ids = {one for record in records for one in (record.connection_id, *record.other_ids) if one}
            holders = await self._book.holders(ids)
            for record in records:
                decision = decide_rollback(record, vouched.get(record.key, ()), holders)
                if decision is not None:
                    yield record, decision


@dataclass(slots=True)
class Rolled:
    """What a rollback has done. `deleted` rows; `gone` of them were gone before; `kept` rows by reason."""

    deleted: int = 0
    gone: int = 0
    kept: Counter[Spared] = field(default_factory=Counter)
    kept_rows: list[KeptRow] = field(default_factory=list)


class Rollback:
    """Deletes the connections of rows, one row at a time, and makes durable that they are gone.

    Repeat: safe. A row whose deletion was cut is `created` still, and its connections are found gone.
    """

    def __init__(self, run: RunContext, remover: Remover) -> None:
        self._run = run
        self._remover = remover
        self.done = Rolled()

    async def roll_back(self, job: tuple[LedgerRecord, Delete]) -> None:
        """Delete what one row has. Cancel: the ledger may not know that it is gone; again."""
        run, (record, decision) = self._run, job
        sandbox = record.sent_as.sandbox if record.sent_as else record.sandbox
        were_gone = True
        last: Refused | Unanswered | None = None
        for one in decision.ids:
            said = await self._remover.remove(ConnectionPlace(sandbox, one))
            if isinstance(said, Removed):
                were_gone = were_gone and not said.was_there
            else:
                last = said
                break
        if last is None:
            await self._deleted(record, decision.ids, were_gone=were_gone)
        elif isinstance(last, Refused):
            why = Spared.IN_USE if last.code == IN_USE else Spared.REFUSED
            self._keep(record, decision.ids, why, last.code, last.message)
        elif last.outcome is not None:
            why = Spared.NOT_ANSWERED
            self._keep(record, decision.ids, why, last.outcome.code, last.outcome.message)
        run.log.debug("row.rolled_back", endpoint_key=record.key, is_deleted=last is None)

    async def _deleted(self, record: LedgerRecord, ids: tuple[ConnectionId, ...], *, were_gone: bool) -> None:
        run = self._run
        # What a created row names beside its own connection are strangers: they stay, and are remembered.
        others = () if record.state is State.HELD else None
        move = Move(
            *(record.key, State.DELETED, run.clock.now(), run.run_id), other_ids=others, deleted_ids=ids
        )
        await run.ledger.commit([move])
        self.done.deleted += 1
        self.done.gone += were_gone

    def _keep(
        self, record: LedgerRecord, ids: tuple[ConnectionId, ...], why: Spared, code: str, message: str
    ) -> None:
        self.done.kept[why] += 1
        if len(self.done.kept_rows) < KEPT_MAX:
            self.done.kept_rows.append(_kept(record, ids, why, code, message))
        self._run.log.warning("row.kept", endpoint_key=record.key, why=why.value, code=code)


def _kept(
    record: LedgerRecord, ids: tuple[ConnectionId, ...], why: Spared, code: str, message: str
) -> KeptRow:
    return KeptRow(record.key, record.name, record.sandbox, ids, why, code, message)
