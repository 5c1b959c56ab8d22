"""Answers that arrived after their worker had lost the row: kept as evidence, read before a resend.

The fence guards states, not evidence: a 201 that comes too late is the only trace of its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.errors import IllegalMove
from bulkconn.ledger.codec import decode_ids, encode_time, storable
from bulkconn.ledger.queries import chunks, marks
from bulkconn.ledger.schema import INTENT, LATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.names import EndpointKey
    from bulkconn.core.record import Move
    from bulkconn.ledger.database import Database


def read_late_answers(db: Database, keys: Sequence[EndpointKey]) -> dict[EndpointKey, str]:
    """Give the ids of rows' connections that an answer brought after their worker had lost the row.

    The rows are locked first, by a statement of its own, so that such an answer is either seen here or waits
    for this transaction. Rows without one are left out.
    """
    found: dict[EndpointKey, str] = {}
    for chunk in chunks(keys):
        rows = db.execute(
            f"SELECT id, key, connection_id, other_ids FROM rows WHERE key IN ({marks(chunk)}) "  # noqa: S608 - our own names
            "ORDER BY id FOR UPDATE",
            chunk,
        ).fetchall()
        known = {row_id: (key, {own, *decode_ids(others)}) for row_id, key, own, others in rows}
        if not known:
            continue
        late = db.execute(
            f"SELECT row_id, connection_id FROM attempts WHERE row_id IN ({marks(rows)}) AND fact = '{LATE}' "  # noqa: S608 - likewise
            "ORDER BY id",
            tuple(known),
        ).fetchall()
        for row_id, connection_id in late:
            key, ids = known[row_id]
            if connection_id not in ids:
                found.setdefault(key, connection_id)
    return found


def append_late(db: Database, move: Move, run: int) -> None:
    """Append what an answer said, without a move; `run` is the number of the run that sent the request."""
    row = db.execute(
        "SELECT id, sent_sandbox, sent_name, sent_spec_id FROM rows WHERE key = ? FOR UPDATE", (move.key,)
    ).fetchone()
    if row is None:
        raise IllegalMove(f"the ledger has no row {move.key!r}")
    row_id, *sent = row
    (attempt_no,) = db.execute(
        "SELECT coalesce(max(attempt_no), 0) FROM attempts WHERE row_id = ? AND run = ? AND fact = ?",
        (row_id, run, INTENT),
    ).fetchone()
    db.execute(
        "INSERT INTO attempts (row_id, attempt_no, run, fact, at, sandbox, name, connection_spec_id, status, "
        "request_id, connection_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(row_id, attempt_no, run, LATE, encode_time(move.at), *sent),
            *(move.status, storable(move.request_id), storable(move.connection_id)),
        ),
    )
