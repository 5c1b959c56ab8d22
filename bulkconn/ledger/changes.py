"""How a move or a note is written, one row at a time: the statements, and the lifecycle's say over each.

Called inside a transaction that `store.py` opens and ends. Every state change passes `check_move`. What every
row of an ordinary run goes through is written by `grouped.py`, for many rows at once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import IllegalMove
from bulkconn.core.lifecycle import State, check_move
from bulkconn.core.record import AttemptEnd, Move
from bulkconn.ledger.codec import (
    Standing,
    decode_ids,
    decode_state,
    encode_ids,
    encode_time,
    storable,
)
from bulkconn.ledger.queries import marks
from bulkconn.ledger.schema import DELETED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.record import Note
    from bulkconn.ledger.codec import Standings
    from bulkconn.ledger.database import Database

_STANDINGS: Final = """
    SELECT key, id, state, attempts, connection_id, other_ids, seen_ids, sent_sandbox, sent_name, sent_spec_id
    FROM rows WHERE key IN ({})
"""
#: Rows that are looked up by one statement: by this many, so that few texts are prepared and kept.
_STEP: Final = 8
_LOOKED_UP_AT_ONCE: Final = 64

_MOVE: Final = """
    UPDATE rows SET
        state = ?, updated_at = ?,
        connection_id = coalesce(?, connection_id), etag = coalesce(?, etag),
        provenance = coalesce(?, provenance),
        error_code = ?, error_message = ?, request_id = ?,
        certainly_created = CASE WHEN ? > 0 THEN 1 ELSE certainly_created END, ambiguous = ambiguous + ?,
        resends = CASE WHEN ? > 0 THEN 0 ELSE resends END,
        doubt_clock = coalesce(?, doubt_clock), doubt_s = coalesce(?, doubt_s),
        doubted_at = coalesce(?, doubted_at), other_ids = coalesce(?, other_ids),
        taken_up = CASE
            WHEN ? > 0 THEN state || ' ' || coalesce(error_code, '') WHEN ? > 0 THEN NULL ELSE taken_up END
    WHERE id = ?
"""
# A row that fails keeps what it was taken up as: it may yet be put back, as one of many that failed alike.
_ENDS_TAKING_UP: Final = frozenset({State.CREATED, State.ADOPTED, State.HELD})

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


def write_move(
    db: Database, move: Move, runs: Mapping[RunId, int], standings: Standings | None = None
) -> None:
    """Write a move; `runs` gives the row numbers of the runs that were begun.

    `standings` is what is known of rows that are on their way, see `take_standings`.

    Raises:
        IllegalMove: the lifecycle forbids it, or it lacks what its docstring demands.
    """
    standing = take_standings(db, [move.key], standings)[move.key]
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
        int(move.certainly_created), int(is_ambiguous), int(move.takes_up),
        None if doubt is None else doubt.clock_id, None if doubt is None else doubt.at_s,
        at if move.to is State.IN_DOUBT else None, encode_ids(_ids_in_question(standing, move)),
        int(move.takes_up), int(move.to in _ENDS_TAKING_UP), standing.row_id,
    ))
    if move.attempt_end is not None:
        # An ambiguous end repeats what was sent, so that late twins are found through one small index.
        sent = standing.sent_as if is_ambiguous else (None, None, None)
        db.execute(_APPEND, (
            standing.row_id, standing.attempts, find_run(runs, move.run_id), move.attempt_end.value, at,
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
    run, at = find_run(runs, move.run_id), encode_time(move.at)
    for one in move.deleted_ids:
        # fmt: off
        db.execute(_APPEND, (
            standing.row_id, standing.attempts, run, DELETED, at, None, None, None, move.status, None, None,
            storable(move.request_id), one, None,
        ))
        # fmt: on


def write_note(db: Database, note: Note, standings: Standings | None = None) -> None:
    """Write a note."""
    if standings is not None:
        standings.pop(note.key, None)
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


def take_standings(
    db: Database, keys: Iterable[EndpointKey], standings: Standings | None = None
) -> dict[EndpointKey, Standing]:
    """Give where rows stand: what `standings` knows is taken out of it, the rest is looked up.

    `standings` holds what intents left, and spares the next move a look at its row. Give it only where nobody
    else changes rows, and clear it where changes are rolled back. None: all are looked up.

    Raises:
        IllegalMove: there is no row of that key.
    """
    found: dict[EndpointKey, Standing] = {}
    unknown = []
    for key in keys:
        known = None if standings is None else standings.pop(key, None)
        if known is None:
            unknown.append(key)
        else:
            found[key] = known
    rest = iter(unknown)
    while chunk := list(islice(rest, _LOOKED_UP_AT_ONCE)):
        _look_up(db, chunk, found)
    return found


def _look_up(db: Database, keys: list[EndpointKey], found: dict[EndpointKey, Standing]) -> None:
    asked = keys + keys[-1:] * (-len(keys) % _STEP if len(keys) > 1 else 0)
    for row in db.execute(_STANDINGS.format(marks(asked)), asked).fetchall():
        key, row_id, state, attempts, connection_id, other_ids, seen_ids = row[:7]
        found[key] = Standing(
            row_id,
            decode_state(state),
            attempts,
            connection_id,
            decode_ids(other_ids),
            decode_ids(seen_ids),
            row[7:],
        )
    for key in keys:
        if key not in found:
            raise _unknown(key)


def find_run(runs: Mapping[RunId, int], run_id: RunId) -> int:
    """Give the row number of a run that was begun.

    Raises:
        IllegalMove: it was never begun.
    """
    try:
        return runs[run_id]
    except KeyError:
        raise IllegalMove(f"run {run_id} was never begun in this ledger") from None


def _unknown(key: EndpointKey) -> IllegalMove:
    return IllegalMove(f"the ledger has no row {key!r}")
