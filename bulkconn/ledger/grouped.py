"""The changes of a group: what every row of an ordinary run goes through is written for many rows at once.

A row is seen, its intent is written, it is created: each of these kinds takes a statement or two for all of
its rows, where one row after the other takes five. All the rest goes one by one, as `changes.py` has it.
Changes of one row keep their order; rows do not know each other, so between them order means nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from bulkconn.core.errors import IllegalMove
from bulkconn.core.lifecycle import State, check_move
from bulkconn.core.record import AttemptEnd, Intent, Move, Note, RowSeen
from bulkconn.ledger.changes import find_run, take_standings, write_move, write_note
from bulkconn.ledger.codec import Standing, encode_ids, encode_json, encode_time, storable
from bulkconn.ledger.schema import INTENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import EndpointKey, RunId
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

_INTEND: Final = """
    UPDATE rows SET
        state = 'sending', attempts = attempts + 1, resends = resends + ?,
        sent_sandbox = ?, sent_name = ?, sent_spec_id = ?, fingerprint = ?, seen_ids = ?, updated_at = ?
    WHERE id = ?
"""
_APPEND_INTENT: Final = f"""
    INSERT INTO attempts (row_id, attempt_no, run, fact, at, sandbox, name, connection_spec_id,
                          server_clock_s)
    VALUES (?, ?, ?, '{INTENT}', ?, ?, ?, ?, ?)
"""  # noqa: S608 - our own names

# What an answered POST says and no more: a move in general sets twice as many columns, with their indexes.
_CREATE: Final = """
    UPDATE rows SET
        state = 'created', updated_at = ?, connection_id = ?, etag = coalesce(?, etag),
        provenance = coalesce(?, provenance), error_code = NULL, error_message = NULL, request_id = ?,
        taken_up = NULL
    WHERE id = ? AND state = 'sending'
"""
_APPEND_CREATED: Final = f"""
    INSERT INTO attempts (row_id, attempt_no, run, fact, at, status, request_id, connection_id)
    VALUES (?, ?, ?, '{AttemptEnd.CREATED}', ?, ?, ?, ?)
"""  # noqa: S608 - likewise


def write_changes(
    db: Database, changes: Iterable[Change], runs: Mapping[RunId, int], standings: Standings | None = None
) -> None:
    """Write changes as if one after the other; `runs` gives the row numbers of the runs that were begun.

    `standings` is what is known of rows that are on their way, see `take_standings`.

    Raises:
        IllegalMove: the lifecycle forbids one of them, or it lacks what its docstring demands. Others may be
            written by then: roll back.
    """
    group = _Group(db, runs, standings)
    for change in changes:
        group.add(change)
    group.write()


class _Group:
    """Changes of different rows, waiting to be written together."""

    def __init__(self, db: Database, runs: Mapping[RunId, int], standings: Standings | None) -> None:
        self._db = db
        self._runs = runs
        self._standings = standings
        self._keys: set[EndpointKey] = set()
        self._seen: list[RowSeen] = []
        self._intents: list[Intent] = []
        self._created: list[Move] = []

    def add(self, change: Change) -> None:
        """Let a change wait, or write it at once; what waits of the same row goes before it."""
        key = change.endpoint.key if isinstance(change, RowSeen) else change.key
        if key in self._keys:
            self.write()
        match change:
            case Intent():
                self._intents.append(change)
            case Move():
                if not _is_creation(change):
                    write_move(self._db, change, self._runs, self._standings)
                    return
                self._created.append(change)
            case RowSeen():
                self._seen.append(change)
            case Note():
                write_note(self._db, change, self._standings)
                return
            case _:
                assert_never(change)
        self._keys.add(key)

    def write(self) -> None:
        """Write what waits."""
        if self._seen:
            self._write_seen()
        if self._intents:
            self._write_intents()
        if self._created:
            self._write_created()
        self._keys.clear()

    def _write_seen(self) -> None:
        seen, self._seen = self._seen, []
        written = self._db.executemany(SEE_ROW, [seen_values(one.endpoint, one.at) for one in seen])
        if written.rowcount != len(seen):
            # The content of some stays as it was sent. For the others this says once more what is there.
            rows = [one.endpoint for one in seen]
            self._db.executemany(_SEE_PLACE, [(row.file, row.row, row.key) for row in rows])

    def _write_intents(self) -> None:
        intents, self._intents = self._intents, []
        found = take_standings(self._db, [one.key for one in intents])
        updates, attempts = [], []
        for one in intents:
            standing = found[one.key]
            check_move(standing.state, State.SENDING)
            run, at, attempt_no = find_run(self._runs, one.run_id), encode_time(one.at), standing.attempts + 1
            sent = (one.sent_as.sandbox, one.sent_as.name, one.sent_as.connection_spec_id)
            seen_ids = encode_ids(one.seen_ids)
            # fmt: off
            updates.append(
                (int(one.is_resend), *sent, one.fingerprint, seen_ids, at, standing.row_id)
            )
            attempts.append((standing.row_id, attempt_no, run, at, *sent, one.server_clock_s))
            # fmt: on
            if self._standings is not None:
                self._standings[one.key] = Standing(
                    standing.row_id,
                    State.SENDING,
                    attempt_no,
                    standing.connection_id,
                    standing.other_ids,
                    one.seen_ids,
                    sent,
                )
        self._db.executemany(_INTEND, updates)
        self._db.executemany(_APPEND_INTENT, attempts)

    def _write_created(self) -> None:
        created, self._created = self._created, []
        found = take_standings(self._db, [one.key for one in created], self._standings)
        updates, attempts = [], []
        for one in created:
            standing = found[one.key]
            if standing.state is not State.SENDING or standing.connection_id not in {None, one.connection_id}:
                write_move(self._db, one, self._runs)
                continue
            run, at = find_run(self._runs, one.run_id), encode_time(one.at)
            connection_id, request_id = storable(one.connection_id), storable(one.request_id)
            provenance = None if one.provenance is None else one.provenance.value
            # fmt: off
            updates.append(
                (at, connection_id, storable(one.etag), provenance, request_id, standing.row_id)
            )
            attempts.append(
                (standing.row_id, standing.attempts, run, at, one.status, request_id, connection_id)
            )
            # fmt: on
        if not updates:
            return
        if self._db.executemany(_CREATE, updates).rowcount != len(updates):
            raise IllegalMove("a row that was on its way is not so any more")
        self._db.executemany(_APPEND_CREATED, attempts)


def _is_creation(move: Move) -> bool:
    """Tell whether a move says what an answered POST says, and nothing else."""
    return (
        move.to is State.CREATED
        and move.attempt_end is AttemptEnd.CREATED
        and move.connection_id is not None
        and move.error_code is None
        and move.error_message is None
        and move.doubt_since is None
        and move.other_ids is None
        and not (move.certainly_created or move.takes_up or move.deleted_ids)
    )


def seen_values(row: Endpoint, at: datetime) -> tuple[str | int | None, ...]:
    """Give the values of `SEE_ROW`, in its order."""
    # fmt: off
    return (
        row.key, row.name, row.loose_name, row.source, row.platform_cloud.value, row.sandbox, row.auth,
        row.connection_spec_id, row.fingerprint, row.file, row.row, encode_json(dict(row.cells)),
        encode_time(at),
    )
    # fmt: on
