"""What a rollback asks of a ledger: plain functions over one connection, none of them writes.

The rows of a rollback are known by their numbers, eight bytes each: so a million of them can be chosen first
and worked on afterwards.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from bulkconn.core.lifecycle import State
from bulkconn.core.record import AttemptEnd
from bulkconn.ledger.codec import RECORD_COLUMNS, decode_record
from bulkconn.ledger.schema import INTENT, LATE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.record import LedgerRecord
    from bulkconn.ledger.database import Database


def has_run(db: Database, run_id: RunId) -> bool:
    """Tell whether such a run was ever begun."""
    return db.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone() is not None


def read_rows_in(db: Database, states: Collection[State], run_id: RunId | None) -> Sequence[int]:
    """Give the numbers of the rows in these states, by sandbox and key.

    With `run_id` only rows whose last request that run sent: the one to which they owe their connection, told
    by its answer or found by a lookup, whoever looked.
    """
    values: list[Any] = [state.value for state in states]
    sql = f"SELECT id FROM rows WHERE state IN ({','.join('?' * len(values))})"  # noqa: S608 - our own names
    if run_id is not None:
        sql += (
            " AND (id, attempts) IN (SELECT row_id, attempt_no FROM attempts WHERE fact = ?"
            " AND run = (SELECT id FROM runs WHERE run_id = ?))"
        )
        values += [INTENT, run_id]
    cursor = db.execute(f"{sql} ORDER BY sandbox, key", values)
    return array("q", (number for (number,) in cursor))


def read_numbered(db: Database, numbers: Sequence[int]) -> list[LedgerRecord]:
    """Give the rows of these numbers, in their order; up to 500."""
    sql = f"SELECT id, {RECORD_COLUMNS} FROM rows WHERE id IN ({','.join('?' * len(numbers))})"  # noqa: S608 - our own names
    found = {row[0]: decode_record(tuple(row[1:])) for row in db.execute(sql, tuple(numbers))}
    return [found[number] for number in numbers if number in found]


def read_vouched(db: Database) -> dict[EndpointKey, set[ConnectionId]]:
    """Give for each held row the ids that a 201 of this ledger brought for it."""
    found: dict[EndpointKey, set[ConnectionId]] = {}
    sql = """
        SELECT rows.key, attempts.connection_id FROM attempts JOIN rows ON rows.id = attempts.row_id
        WHERE rows.state = ? AND attempts.fact IN (?, ?) AND attempts.connection_id IS NOT NULL
    """
    for key, connection_id in db.execute(sql, (State.HELD.value, AttemptEnd.CREATED.value, LATE)):
        found.setdefault(key, set()).add(connection_id)
    return found
