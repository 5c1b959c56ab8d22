"""Answers that arrived after their worker had lost the row: kept as evidence, read before a resend.

The fence guards states, not evidence: a 201 that comes too late is the only trace of its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.errors import IllegalMove
from bulkconn.ledger.codec import decode_ids, encode_time, storable
from bulkconn.ledger.schema import INTENT, LATE

if TYPE_CHECKING:
    from bulkconn.core.record import Move
    from bulkconn.ledger.database import Database


def read_late_answer(db: Database, key: str) -> str | None:
    """Give the id of a row's connection that an answer brought after its worker had lost the row.

    The row is locked first, so that such an answer is either seen here or waits for this transaction.
    """
    row = db.execute(
        "SELECT id, connection_id, other_ids FROM rows WHERE key = ? FOR UPDATE", (key,)
    ).fetchone()
    if row is None:
        return None
    row_id, own, others = row
    late = db.execute(
        "SELECT connection_id FROM attempts WHERE row_id = ? AND fact = ? ORDER BY id", (row_id, LATE)
    ).fetchall()
    known = {own, *decode_ids(others)}
    return next((one for (one,) in late if one not in known), None)


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
