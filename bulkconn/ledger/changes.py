"""How one `Change` is written: the statements, and the lifecycle's say over each of them.

Called inside a transaction that `store.py` opens and ends. Every state change passes `check_move`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from bulkconn.core.errors import IllegalMove
from bulkconn.core.lifecycle import State, check_move
from bulkconn.core.record import AttemptEnd, Intent, Move, Note, RowSeen
from bulkconn.ledger.codec import (
    Standing,
    decode_ids,
    decode_state,
    encode_ids,
    encode_json,
    encode_time,
    storable,
)
from bulkconn.ledger.schema import DELETED, INTENT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.record import Change
    from bulkconn.ledger.codec import Standings
    from bulkconn.ledger.database import Database

# Content is what the inventory says. It may change as long as nothing was sent under it; the row's
# place in the inventory may change at any time. A refresh that changes nothing leaves `updated_at`.
SEE_ROW: Final = """
    INSERT INTO rows (key, name, loose_name, source, platform_cloud, sandbox, auth, connection_spec_id,
                      fingerprint, inventory_file, inventory_row, cells, updated_at, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')
    ON CONFLICT (key) DO UPDATE SET
        name = excluded.name, loose_name = excluded.loose_name, source = excluded.source,
        platform_cloud = excluded.platform_cloud, sandbox = excluded.sandbox, auth = excluded.auth,
        connection_spec_id = excluded.connection_spec_id, fingerprint = excluded.fingerprint,
        inventory_file = excluded.inventory_file, inventory_row = excluded.inventory_row,
        cells = excluded.cells,
        updated_at = CASE
            WHEN rows.fingerprint = excluded.fingerprint AND rows.cells = excluded.cells THEN rows.updated_at
            ELSE excluded.updated_at END
    WHERE rows.state = 'pending' OR (rows.state IN ('failed', 'held') AND rows.attempts = 0)
"""
_SEE_PLACE: Final = "UPDATE rows SET inventory_file = ?, inventory_row = ? WHERE key = ?"

_STANDING: Final = """
    SELECT id, state, attempts, connection_id, other_ids, seen_ids, sent_sandbox, sent_name, sent_spec_id
    FROM rows WHERE key = ?
"""

_INTEND: Final = """
    UPDATE rows SET
        state = 'sending', attempts = attempts + 1, resends = resends + ?,
        sent_sandbox = ?, sent_name = ?, sent_spec_id = ?, fingerprint = ?,
        seen_ids = ?, updated_at = ?
    WHERE id = ?
"""

_MOVE: Final = """
    UPDATE rows SET
        state = ?, updated_at = ?,
        connection_id = coalesce(?, connection_id), etag = coalesce(?, etag),
        provenance = coalesce(?, provenance),
        error_code = ?, error_message = ?, request_id = ?,
        certainly_created = CASE WHEN ? > 0 THEN 1 ELSE certainly_created END, ambiguous = ambiguous + ?,
        resends = CASE WHEN ? > 0 THEN 0 ELSE resends END,
        doubt_clock = coalesce(?, doubt_clock), doubt_s = coalesce(?, doubt_s),
        doubted_at = coalesce(?, doubted_at), other_ids = coalesce(?, other_ids)
    WHERE id = ?
"""

# What the row had is gone, and what is to come is another connection: of the old one its id stays among the
# attempts, and among `seen_ids`, so that a listing which still shows it proves nothing.
_FORGET: Final = """
    UPDATE rows SET connection_id = NULL, etag = NULL, provenance = NULL, certainly_created = 0 WHERE id = ?
"""
_SEE_IDS: Final = "UPDATE rows SET seen_ids = ? WHERE id = ?"

_NOTE: Final = """
    UPDATE rows SET
        updated_at = ?, error_code = coalesce(?, error_code), error_message = coalesce(?, error_message),
        doubt_clock = coalesce(?, doubt_clock), doubt_s = coalesce(?, doubt_s),
        other_ids = coalesce(?, other_ids)
    WHERE key = ?
"""

_APPEND: Final = """
    INSERT INTO attempts (row_id, attempt_no, run, fact, at, sandbox, name, connection_spec_id, status,
                          error_code, error_message, request_id, connection_id, server_clock_s)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def write_change(
    db: Database, change: Change, runs: Mapping[RunId, int], standings: Standings | None = None
) -> None:
    """Write one change; `runs` gives the row numbers of the runs that were begun.

    `standings` is filled with what an intent leaves, and spares the next move a look at its row. Give it only
    where nobody else changes rows, and clear it where a change is rolled back. None: every change looks.

    Raises:
        IllegalMove: the lifecycle forbids it, or it lacks what its docstring demands.
    """
    match change:
        case RowSeen():
            _write_seen(db, change)
        case Intent():
            _write_intent(db, change, runs, standings)
        case Move():
            known = None if standings is None else standings.pop(change.key, None)
            _write_move(db, change, runs, known or _read_standing(db, change.key))
        case Note():
            if standings is not None:
                standings.pop(change.key, None)
            _write_note(db, change)
        case _:
            assert_never(change)


def _write_seen(db: Database, seen: RowSeen) -> None:
    row = seen.endpoint
    if db.execute(SEE_ROW, seen_values(row, seen.at)).rowcount == 0:
        db.execute(_SEE_PLACE, (row.file, row.row, row.key))


def seen_values(row: Endpoint, at: datetime) -> tuple[str | int | None, ...]:
    """Give the values of `SEE_ROW`, in its order."""
    # fmt: off
    return (
        row.key, row.name, row.loose_name, row.source, row.platform_cloud.value, row.sandbox, row.auth,
        row.connection_spec_id, row.fingerprint, row.file, row.row, encode_json(dict(row.cells)),
        encode_time(at),
    )
    # fmt: on


def _write_intent(
    db: Database, intent: Intent, runs: Mapping[RunId, int], standings: Standings | None
) -> None:
    standing = _read_standing(db, intent.key)
    check_move(standing.state, State.SENDING)
    run = _find_run(runs, intent.run_id)
    sent, at = intent.sent_as, encode_time(intent.at)
    # fmt: off
    db.execute(_INTEND, (
        int(intent.is_resend), sent.sandbox, sent.name, sent.connection_spec_id, intent.fingerprint,
        encode_ids(intent.seen_ids), at, standing.row_id,
    ))
    db.execute(_APPEND, (
        standing.row_id, standing.attempts + 1, run, INTENT, at, sent.sandbox, sent.name,
        sent.connection_spec_id, None, None, None, None, None, intent.server_clock_s,
    ))
    # fmt: on
    if standings is not None:
        standings[intent.key] = standing._replace(
            state=State.SENDING,
            attempts=standing.attempts + 1,
            sent_as=(sent.sandbox, sent.name, sent.connection_spec_id),
            seen_ids=intent.seen_ids,
        )


def _write_move(db: Database, move: Move, runs: Mapping[RunId, int], standing: Standing) -> None:
    check_move(standing.state, move.to)
    is_ambiguous = move.attempt_end is AttemptEnd.IN_DOUBT
    if is_ambiguous and move.doubt_since is None:
        raise IllegalMove("an ambiguous attempt must say when it ended: its grace counts from there")
    if move.attempt_end is not None and standing.attempts == 0:
        raise IllegalMove("an attempt cannot end that never had an intent")
    at, doubt = encode_time(move.at), move.doubt_since
    connection_id, request_id = storable(move.connection_id), storable(move.request_id)
    code, message = storable(move.error_code), storable(move.error_message)
    # fmt: off
    db.execute(_MOVE, (
        move.to.value, at, connection_id, storable(move.etag),
        None if move.provenance is None else move.provenance.value, code, message, request_id,
        int(move.certainly_created), int(is_ambiguous), int(move.resets_counts),
        None if doubt is None else doubt.clock_id, None if doubt is None else doubt.at_s,
        at if move.to is State.IN_DOUBT else None, encode_ids(_ids_in_question(standing, move)),
        standing.row_id,
    ))
    if move.attempt_end is not None:
        # An ambiguous end repeats what was sent, so that late twins are found through one small index.
        sent = standing.sent_as if is_ambiguous else (None, None, None)
        db.execute(_APPEND, (
            standing.row_id, standing.attempts, _find_run(runs, move.run_id), move.attempt_end.value, at,
            *sent, move.status, code, message, request_id, connection_id, None,
        ))
    # fmt: on
    _write_deletion(db, move, standing, runs)


def _write_deletion(db: Database, move: Move, standing: Standing, runs: Mapping[RunId, int]) -> None:
    if standing.state is State.DELETED:
        db.execute(_FORGET, (standing.row_id,))
    if not move.deleted_ids:
        return
    seen = tuple(dict.fromkeys((*standing.seen_ids, *move.deleted_ids)))
    db.execute(_SEE_IDS, (encode_ids(seen), standing.row_id))
    run, at = _find_run(runs, move.run_id), encode_time(move.at)
    for one in move.deleted_ids:
        # fmt: off
        db.execute(_APPEND, (
            standing.row_id, standing.attempts, run, DELETED, at, None, None, None, move.status, None, None,
            storable(move.request_id), one, None,
        ))
        # fmt: on


def _write_note(db: Database, note: Note) -> None:
    doubt = note.doubt_since
    # fmt: off
    cursor = db.execute(_NOTE, (
        encode_time(note.at), storable(note.error_code), storable(note.error_message),
        None if doubt is None else doubt.clock_id, None if doubt is None else doubt.at_s,
        encode_ids(note.other_ids), note.key,
    ))
    # fmt: on
    if cursor.rowcount == 0:
        raise _unknown(note.key)


def _ids_in_question(standing: Standing, move: Move) -> tuple[ConnectionId, ...] | None:
    """Give the ids to keep beside `connection_id`; an id that is replaced stays among them."""
    replaced = standing.connection_id
    if replaced is None or move.connection_id is None or replaced == move.connection_id:
        return move.other_ids
    others = standing.other_ids if move.other_ids is None else move.other_ids
    return others if replaced in others else (*others, replaced)


def _read_standing(db: Database, key: EndpointKey) -> Standing:
    row = db.execute(_STANDING, (key,)).fetchone()
    if row is None:
        raise _unknown(key)
    return Standing(
        row[0], decode_state(row[1]), row[2], row[3], decode_ids(row[4]), decode_ids(row[5]), row[6:]
    )


def _find_run(runs: Mapping[RunId, int], run_id: RunId) -> int:
    try:
        return runs[run_id]
    except KeyError:
        raise IllegalMove(f"run {run_id} was never begun in this ledger") from None


def _unknown(key: EndpointKey) -> IllegalMove:
    return IllegalMove(f"the ledger has no row {key!r}")
