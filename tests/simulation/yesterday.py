"""What a story may begin with: an inventory of which an earlier day has finished a part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, RunId
from bulkconn.core.record import AttemptEnd, DoubtSince, Intent, Move, Provenance, RowSeen, SentAs
from tests.simulation.disk import MemoryDisk
from tests.simulation.drawing import Drawing
from tests.simulation.loop import VirtualLoop
from tests.simulation.menu import Made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.record import Change
    from tests.simulation.disk import Disk
    from tests.simulation.drawing import InventoryLine
    from tests.simulation.party import Party

#: So many different mornings there are; each is made once for all stories.
MORNINGS: Final = 60
#: How many rows are new.
_NEW_ROWS: Final = (1, 2, 2, 3, 3, 4, 5, 8)
_RUN: Final = RunId("yesterday")
_AT: Final = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=100.0)


@dataclass(frozen=True, slots=True)
class Yesterday:
    """An inventory, what the ledger's tables hold of a part of it, and the connections that they know."""

    lines: tuple[InventoryLine, ...]
    tables: Mapping[str, list[tuple[Any, ...]]]
    made: tuple[Made, ...]

    def write(self, disk: Disk) -> None:
        """Write it into an empty ledger."""
        for table, rows in self.tables.items():
            marks = ", ".join("?" * len(rows[0]))
            disk.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our own names

    def connections(self, party: Party) -> list[Made]:
        """Give the connections anew, as made by this party."""
        return [replace(one, owner=party, client=party.client_id) for one in self.made]


@lru_cache(maxsize=MORNINGS)
def morning(number: int, rows: int) -> Yesterday:
    """Make one; the same number gives the same."""
    dice = Random(number)
    lines = Drawing(dice).lines(rows)
    # Side by side, because neighbours have to do with each other: some share a name under another spec.
    new = _NEW_ROWS[number % len(_NEW_ROWS)]
    first = dice.randrange(max(1, rows - new))
    done = [index for index in range(rows) if not first <= index < first + new]
    endpoints = {index: lines[index].endpoint() for index in done}
    made = [_made(endpoint, index) for index, endpoint in endpoints.items()]
    disk = MemoryDisk("ledger-A", VirtualLoop())  # type: ignore[abstract]  # it has what the engine uses of a loop
    store = disk.open()
    store.begin_run(_RUN, _AT, {}, DoubtSince("boot-0", 0.0))
    store.apply([[change for one in made for change in _history(endpoints[int(one.id[3:])], one)]])
    store.end_run(_RUN, _AT, {})
    tables = {table: disk.rows(f"SELECT * FROM {table}") for table in ("runs", "rows", "attempts")}  # noqa: S608 - our own names
    disk.close()
    return Yesterday(tuple(lines), tables, tuple(made))


def _made(endpoint: Endpoint, index: int) -> Made:
    at_s = 100.0 + index
    return Made(
        f"id-{index:04d}",
        endpoint.sandbox,
        endpoint.name,
        endpoint.connection_spec_id,
        at_s,
        at_s,
        key=endpoint.key,
        params={"server": f"{endpoint.name}.example.com", "database": "sales"},
        sent_name=endpoint.name,
    )


def _history(endpoint: Endpoint, made: Made) -> list[Change]:
    sent_as = SentAs(endpoint.sandbox, endpoint.name, endpoint.connection_spec_id)
    return [
        RowSeen(endpoint, _AT),
        Intent(endpoint.key, _RUN, _AT, sent_as, endpoint.fingerprint),
        Move(
            endpoint.key,
            State.CREATED,
            _AT,
            _RUN,
            connection_id=ConnectionId(made.id),
            etag=f'"{made.id}"',
            provenance=Provenance.REPLY,
            status=201,
            attempt_end=AttemptEnd.CREATED,
        ),
    ]
