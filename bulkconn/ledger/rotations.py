"""The table `rotations`: how far a change of credentials has come. Plain functions over one connection."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from bulkconn.core.rotation import RotationEnd
from bulkconn.ledger.codec import RECORD_COLUMNS, decode_record, encode_json, encode_time, storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.names import EndpointKey, RunId
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.rotation import Rotated
    from bulkconn.ledger.database import Database

_KEEP: Final = """
    INSERT INTO rotations (row_id, rotation, run, at, outcome, code, message, request_id)
    SELECT id, ?, ?, ?, ?, ?, ?, ? FROM rows WHERE key = ?
    ON CONFLICT (row_id) DO UPDATE SET
        rotation = excluded.rotation, run = excluded.run, at = excluded.at, outcome = excluded.outcome,
        code = excluded.code, message = excluded.message, request_id = excluded.request_id
"""
_CHANGE: Final = """
    UPDATE rows SET
        etag = ?, fingerprint = coalesce(?, fingerprint), cells = coalesce(?, cells), updated_at = ?
    WHERE key = ? AND state IN ('created', 'adopted')
"""
_DONE: Final = """
    EXISTS (SELECT 1 FROM rotations WHERE row_id = rows.id AND outcome = 'rotated'
    AND rotation = (SELECT id FROM runs WHERE run_id = ?))
"""
#: Values bound in one statement; SQLite before 3.32 takes at most 999.
_CHUNK: Final = 500


def keep_rotations(db: Database, round_no: int, run_no: int, rotated: Sequence[Rotated]) -> None:
    """Write what became of rows, and of those that were rotated their new etag and content."""
    for one in rotated:
        at = encode_time(one.at)
        # fmt: off
        db.execute(_KEEP, (
            round_no, run_no, at, one.end.value, storable(one.code), storable(one.message),
            storable(one.request_id), one.key,
        ))
        # fmt: on
        if one.end is RotationEnd.ROTATED:
            cells = None if one.cells is None else encode_json(dict(one.cells))
            db.execute(_CHANGE, (storable(one.etag), one.fingerprint, cells, at, one.key))


def read_rotated(db: Database, round_id: RunId, keys: Sequence[EndpointKey]) -> set[EndpointKey]:
    """Say which of these rows a round has rotated."""
    found: set[EndpointKey] = set()
    rest = iter(keys)
    while chunk := list(islice(rest, _CHUNK)):
        marks = ",".join("?" * len(chunk))
        sql = f"SELECT key FROM rows WHERE key IN ({marks}) AND {_DONE}"  # noqa: S608 - our own names
        found.update(key for (key,) in db.execute(sql, (*chunk, round_id)))
    return found


def read_rotated_unverified(
    db: Database, round_id: RunId, after: EndpointKey | None, limit: int
) -> list[LedgerRecord]:
    """Give up to `limit` rows that a round has rotated and not verified since, ordered by key."""
    sql = f"""
        SELECT {RECORD_COLUMNS} FROM rows WHERE state IN ('created', 'adopted') AND {_DONE} AND NOT EXISTS (
            SELECT 1 FROM verifications AS word WHERE word.row_id = rows.id
            AND word.connection_id = rows.connection_id
            AND word.round = (SELECT id FROM runs WHERE run_id = ?))
        AND key > ? ORDER BY key LIMIT ?
    """  # noqa: S608 - our own names
    return [decode_record(row) for row in db.execute(sql, (round_id, round_id, after or "", limit))]
