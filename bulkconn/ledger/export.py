"""The ledger's rows as they are exported: documented columns first, then each row's own ones.

Streams from a read-only connection; what is held in memory does not grow with the ledger. Rendering as
CSV, JSONL or JSON is the business of `report/`.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.ledger.codec import decode_cells, decode_time
from bulkconn.ledger.opening import open_read_only
from bulkconn.ledger.sql_store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping
    from pathlib import Path
    from typing import Any

    from bulkconn.core.lifecycle import State

#: The columns that every export begins with; scripts rest on names and order.
EXPORT_COLUMNS: Final = (
    *("key", "name", "source", "platform_cloud", "sandbox", "auth", "state", "connection_id", "etag"),
    *("attempts", "error_code", "error_message", "request_id", "inventory_file", "inventory_row"),
    "updated_at",
)
_COLUMN_SET: Final = frozenset(EXPORT_COLUMNS)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One row: `fields` in the order of `EXPORT_COLUMNS`, and the inventory's own non-secret columns.

    `updated_at` is ISO 8601 in UTC; None stands for what is not known.
    """

    fields: tuple[str | int | None, ...]
    cells: Mapping[str, str]

    def as_mapping(self) -> dict[str, str | int | None]:
        """Give the columns by name, the row's own ones last."""
        named: dict[str, str | int | None] = dict(zip(EXPORT_COLUMNS, self.fields, strict=True))
        return named | {name: value for name, value in self.cells.items() if name not in _COLUMN_SET}


def iter_export(ledger: Path | SqlStore, states: Collection[State] = ()) -> Generator[ExportRow, None, None]:
    """Give the rows in these states (all, if none is named) in the order of the inventories.

    A caller who stops early closes the generator. Reading leaves empty `-wal` and `-shm` files beside the
    ledger, because a reader may not remove them: the next run does.

    Raises:
        UsageError: there is no ledger at that path.
        LedgerError: it cannot be read (any further).
    """
    with ExitStack() as stack:
        store = ledger if isinstance(ledger, SqlStore) else stack.enter_context(open_read_only(ledger))
        columns = ", ".join(EXPORT_COLUMNS)
        where, values = _filter(states)
        sql = f"SELECT {columns}, cells FROM rows{where} ORDER BY inventory_file, inventory_row, id"  # noqa: S608 - our own names
        for row in store.stream(sql, values):
            yield _decode(row)


def read_columns(ledger: Path | SqlStore, states: Collection[State] = ()) -> tuple[str, ...]:
    """Give all columns of a table of these rows: the documented ones, then those that any row has.

    Takes a pass over the ledger. Call it and `iter_export` inside one `SqlStore.snapshot`, so that a
    run cannot add a column in between.
    """
    with ExitStack() as stack:
        store = ledger if isinstance(ledger, SqlStore) else stack.enter_context(open_read_only(ledger))
        where, values = _filter(states)
        own: dict[str, None] = {}
        for (cells,) in store.stream(f"SELECT cells FROM rows{where} ORDER BY id", values):  # noqa: S608 - our own names
            own.update(dict.fromkeys(decode_cells(cells)))
    return (*EXPORT_COLUMNS, *(name for name in own if name not in _COLUMN_SET))


def _filter(states: Collection[State]) -> tuple[str, tuple[str, ...]]:
    if not states:
        return "", ()
    return f" WHERE state IN ({','.join('?' * len(states))})", tuple(state.value for state in states)


def _decode(row: tuple[Any, ...]) -> ExportRow:
    *fields, updated_at, cells = row
    return ExportRow((*fields, decode_time(updated_at).isoformat()), decode_cells(cells))
