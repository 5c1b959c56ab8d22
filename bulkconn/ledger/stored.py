"""The ledger that the engine knows: `core.protocols.Ledger` over a store and the thread that owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bulkconn.core.record import DoubtSince
from bulkconn.ledger import queries, rotations, rounds, verifications
from bulkconn.ledger.queries import EVERY_ROW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.protocols import Clock
    from bulkconn.core.record import (
        Change,
        LedgerInfo,
        LedgerRecord,
        LedgerSummary,
        NameConflict,
        PaceNote,
        RowStanding,
        TakenUp,
        Watch,
    )
    from bulkconn.core.rotation import Rotated
    from bulkconn.core.service_spec import Place, ServiceSpec
    from bulkconn.core.verification import Verdict, Verification
    from bulkconn.core.verify_report import CauseGroup
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.queries import Own
    from bulkconn.ledger.rounds import LastRun
    from bulkconn.ledger.writer import Writer

T = TypeVar("T")


class StoredLedger:
    """A ledger in use by this process; a simulation brings its own writer.

    Every method may raise `LedgerError`; after one did for a write, all do.
    """

    def __init__(self, info: LedgerInfo, writer: Writer, clock: Clock, own: Own = EVERY_ROW) -> None:
        self._info = info
        self._writer = writer
        self._clock = clock
        self._own = own

    @property
    def info(self) -> LedgerInfo:
        """Say which ledger this is and which target it belongs to."""
        return self._info

    @property
    def send_before_s(self) -> float:
        """Say until when (`Clock.elapsed_s`) a POST may leave under a durable intent; here for ever."""
        return float("inf")

    @property
    def quiet_at_s(self) -> float:
        """Say from when nothing that earlier holders sent can be on its way: they are dead, so always."""
        return float("-inf")

    async def close(self) -> None:
        """Finish all writes that were asked for, close the file and let others have it. Repeat: safe."""
        await self._writer.close()

    async def begin_run(self, run_id: RunId, at: datetime, settings: Mapping[str, object]) -> int:
        """Record a run; rows found as `sending` were cut off and are in doubt, their grace from now."""
        since = DoubtSince(self._clock.clock_id, self._clock.elapsed_s())
        return await self._writer.call(lambda store: store.begin_run(run_id, at, settings, since))

    async def end_run(self, run_id: RunId, at: datetime, summary: Mapping[str, object]) -> None:
        """Record how a run ended."""
        await self._writer.call(lambda store: store.end_run(run_id, at, summary))

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write changes in order, all or none, durable when this returns. Cancel: may still be written."""
        await self._writer.commit(changes)

    async def records(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, LedgerRecord]:
        """Look rows up by key; unknown ones are left out."""
        return await self._read(lambda db: queries.read_records(db, keys))

    async def standings(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, RowStanding]:
        """Look up only what tells finished rows from others."""
        return await self._read(lambda db: queries.read_standings(db, keys))

    async def taken_up(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, TakenUp]:
        """Say as what unfinished rows were finished before a run took them up once more."""
        return await self._read(lambda db: queries.read_taken_up(db, keys))

    async def doubted(self, *, after: EndpointKey | None, limit: int) -> list[LedgerRecord]:
        """Give up to `limit` rows in doubt, ordered by key, beginning after a key."""
        return await self._read(lambda db: queries.read_doubted(db, after, limit, self._own))

    async def watched(self, *, since: datetime, after: EndpointKey | None, limit: int) -> list[Watch]:
        """Give the names of up to `limit` settled keys under which an attempt since then was ambiguous."""
        return await self._read(lambda db: queries.read_watched(db, since, after, limit, self._own))

    async def holders(self, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        """Say which rows hold these connection ids."""
        wanted = tuple(ids)
        return await self._read(lambda db: queries.read_holders(db, wanted))

    async def known_connection(self, sandbox: str, *, skip: int = 0) -> LedgerRecord | None:
        """Give the longest-known created row of a sandbox, `skip` of them passed over."""
        return await self._read(lambda db: queries.read_known_connection(db, sandbox, skip))

    async def conflicts(
        self, names: Sequence[tuple[EndpointKey, str, str, str]]
    ) -> dict[EndpointKey, NameConflict]:
        """For (key, sandbox, connection spec id, loose name): which other key has that name already."""
        return await self._read(lambda db: queries.read_conflicts(db, names))

    async def summary(self) -> LedgerSummary:
        """Count all rows that this ledger works on."""
        return await self._read(lambda db: queries.read_summary(db, self._own))

    async def note_paces(self, run_id: RunId, paces: Sequence[PaceNote]) -> None:
        """Keep at which pace a run went."""
        await self._writer.call(lambda store: store.note_paces(run_id, paces))

    async def paces(self, run_id: RunId) -> list[PaceNote]:
        """Give at which pace a run went, in the order of time."""
        return await self._read(lambda db: queries.read_paces(db, run_id))

    async def specs(self) -> dict[Place, ServiceSpec]:
        """Give what the service said of connection specs, as far as it was kept."""
        return await self._read(queries.read_specs)

    async def keep_specs(self, specs: Sequence[ServiceSpec]) -> None:
        """Keep what the service said of connection specs, durable when this returns."""
        await self._writer.call(lambda store: store.keep_specs(specs))

    async def connected(self, *, after: EndpointKey | None, limit: int) -> list[LedgerRecord]:
        """Give up to `limit` rows that are created or adopted, ordered by key, beginning after a key."""
        return await self._read(lambda db: queries.read_connected(db, after, limit, self._own))

    async def last_run(self, command: str) -> LastRun | None:
        """Give the newest run of a command that works in rounds."""
        return await self._read(lambda db: rounds.read_last_run(db, command))

    async def keep_rotations(self, round_id: RunId, run_id: RunId, rotated: Sequence[Rotated]) -> None:
        """Keep what became of rows whose credentials were sent, durable when this returns."""
        await self._writer.call(lambda store: store.keep_rotations(round_id, run_id, rotated))

    async def rotated(self, round_id: RunId, keys: Sequence[EndpointKey]) -> set[EndpointKey]:
        """Say which of these rows a round has rotated."""
        return await self._read(lambda db: rotations.read_rotated(db, round_id, keys))

    async def rotated_unverified(
        self, round_id: RunId, *, after: EndpointKey | None, limit: int
    ) -> list[LedgerRecord]:
        """Give up to `limit` rows that a round has rotated and not verified since, ordered by key."""
        return await self._read(lambda db: rotations.read_rotated_unverified(db, round_id, after, limit))

    async def keep_verifications(self, round_id: RunId, run_id: RunId, found: Sequence[Verification]) -> None:
        """Keep what the service said of rows' connections, durable when this returns."""
        await self._writer.call(lambda store: store.keep_verifications(round_id, run_id, found))

    async def unverified(
        self, round_id: RunId, *, only_failing: bool, after: EndpointKey | None, limit: int
    ) -> list[LedgerRecord]:
        """Give up to `limit` rows that a round has not come to, ordered by key, beginning after a key."""
        own = self._own
        return await self._read(
            lambda db: verifications.read_unverified(
                db, round_id, after, limit, only_failing=only_failing, own=own
            )
        )

    async def count_unverified(self, round_id: RunId, *, only_failing: bool) -> int:
        """Count the rows that a round has not come to."""
        own = self._own
        return await self._read(
            lambda db: verifications.count_unverified(db, round_id, only_failing=only_failing, own=own)
        )

    async def causes(self, round_id: RunId) -> tuple[dict[Verdict, int], list[CauseGroup]]:
        """Give how a round's verdicts add up, and what stands against rows."""
        return await self._read(lambda db: verifications.read_causes(db, round_id))

    async def ask(self, query: Callable[[Database], T]) -> T:
        """Answer a question that only one command has."""
        return await self._read(query)

    async def _read(self, query: Callable[[Database], T]) -> T:
        return await self._writer.call(lambda store: store.read(query))
