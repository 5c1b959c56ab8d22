"""`python -m benchmarks.finished_ledger INVENTORY BASE_URL`: the ledger of a run that has made every row.

It is written through the store itself, thousands of rows a transaction; no request is sent.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, LedgerId, RunId
from bulkconn.core.record import AttemptEnd, Intent, Move, Provenance, RowSeen, SentAs, Target
from bulkconn.core.validation import Validated, Validator
from bulkconn.engine.clock import SystemClock
from bulkconn.ledger.sqlite import SqliteLedger
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.record import Change

_BATCH = 5000
_RUN = RunId("benchmark")


async def write(inventory: Path, base_url: str) -> None:
    """Write the ledger beside the inventory."""
    ledger = await SqliteLedger.open(
        inventory.with_suffix(".ledger.db"),
        Target(base_url, "BENCH@AdobeOrg"),
        now=datetime.now(UTC),
        new_ledger_id=LedgerId("benchmark"),
        clock=SystemClock(),
    )
    now = datetime.now(UTC)
    await ledger.begin_run(_RUN, now, {})
    rows = _endpoints(inventory)
    made = 0
    while batch := list(islice(rows, _BATCH)):
        changes: list[Change] = []
        for one in batch:
            made += 1
            changes += _story(one, now, ConnectionId(f"{made:08x}-0000-4000-8000-000000000000"))
        await ledger.commit(changes)
    await ledger.end_run(_RUN, now, {})
    await ledger.close()


def _story(one: Endpoint, now: datetime, made: ConnectionId) -> Iterator[Change]:
    sent_as = SentAs(one.sandbox, one.name, one.connection_spec_id)
    yield RowSeen(one, now)
    yield Intent(one.key, _RUN, now, sent_as, one.fingerprint, ())
    yield Move(
        one.key, State.CREATED, now, _RUN, connection_id=made, etag=f'"{made}"', provenance=Provenance.REPLY,
        request_id="0123456789abcdef0123456789abcdef", status=201, attempt_end=AttemptEnd.CREATED,
    )  # fmt: skip


def _endpoints(inventory: Path) -> Iterator[Endpoint]:
    validator = Validator(ALL)
    with inventory.open(encoding="utf-8") as file:
        headers = tuple(next(file).rstrip("\n").split(","))
        for number, text in enumerate(file, start=2):
            cells = dict(zip(headers, text.rstrip("\n").split(","), strict=True))
            found = validator.validate(InventoryRow(inventory.name, number, cells, headers))
            assert isinstance(found, Validated)
            yield found.endpoint


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2]))
