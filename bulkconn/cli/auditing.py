"""Holds the ledger of a rehearsal against the emulator's books, connection by connection."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.cli.ledgers import LedgerView
from bulkconn.core.names import ConnectionId, EndpointKey, loose_name
from bulkconn.core.proof import Audit
from bulkconn.ledger.export import iter_export
from bulkconn.ledger.opening import open_read_only
from bulkconn.ledger.queries import read_summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bulkconn.cli.emulator_admin import EmulatorAdmin
    from bulkconn.core.proof import Existing
    from bulkconn.core.record import LedgerRecord, LedgerSummary

#: Connections compared at a time.
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Audited:
    """What the comparison found, how many connections and ids there are, and how the rows stand."""

    audit: Audit
    connections: int
    ids_in_ledger: int
    summary: LedgerSummary

    @property
    def invented(self) -> int:
        """Ids of the ledger that stand for nothing, or for another row's connection."""
        return self.ids_in_ledger - self.audit.matched


async def audit_ledger(path: Path, admin: EmulatorAdmin) -> Audited:
    """Compare everything that exists with everything that the ledger holds.

    Raises:
        LedgerError: the ledger cannot be read.
        EmulatorGone: the emulator ended.
    """
    audit = Audit()
    connections = 0
    with closing(open_read_only(path)) as store:
        view = LedgerView(store)
        batch: list[Existing] = []
        async for existing in admin.connections():
            batch.append(existing)
            connections += 1
            if len(batch) >= _BATCH:
                await _compare(audit, view, batch)
                batch.clear()
        await _compare(audit, view, batch)
        ids = sum(1 for row in iter_export(store) if row.as_mapping()["connection_id"])
        return Audited(audit, connections, ids, store.read(read_summary))


async def _compare(audit: Audit, view: LedgerView, batch: Sequence[Existing]) -> None:
    holders = await view.holders([ConnectionId(one.connection_id) for one in batch])
    rows = await view.records(list(holders.values()))
    for existing in batch:
        key = holders.get(ConnectionId(existing.connection_id))
        holder = None if key is None else rows.get(key)
        namesake = await _namesake(view, existing) if holder is None else None
        audit.compare(existing, holder, namesake)


async def _namesake(view: LedgerView, existing: Existing) -> LedgerRecord | None:
    """Give the row of a connection's name. No row has an empty key, so every row is another one."""
    nobody = EndpointKey("")
    asked = (nobody, existing.sandbox, existing.connection_spec_id, loose_name(existing.name))
    found = (await view.conflicts([asked])).get(nobody)
    return None if found is None else (await view.records([found.key])).get(found.key)
