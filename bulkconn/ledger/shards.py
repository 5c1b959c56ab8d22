"""Runs that were submitted to workers, and the shards they are made of: what the queue's jobs refer to.

A job is only a call to look at a shard; what is to be done with it stands here. Every function is handed a
connection whose transaction the caller begins and ends.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import UsageError
from bulkconn.core.names import RunId
from bulkconn.ledger.codec import decode_state, decode_time, encode_json, encode_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.lifecycle import State
    from bulkconn.core.names import EndpointKey
    from bulkconn.ledger.database import Database


class RunState(StrEnum):
    """What is to become of a submitted run."""

    #: Workers take its shards.
    ACTIVE = "active"
    #: Workers finish what is in flight and take no more, until it is resumed.
    PAUSED = "paused"
    #: Workers finish what is in flight; its open shards are given up. Nothing that was created is undone.
    CANCELLED = "cancelled"


class ShardState(StrEnum):
    """Where a shard stands."""

    QUEUED = "queued"
    WORKING = "working"
    #: All of its rows were tried; the ledger says what became of each.
    DONE = "done"
    #: It broke too often; `error` says how. Its rows stay as they are.
    SET_ASIDE = "set_aside"
    #: Its part of the inventory is no longer what was submitted.
    CHANGED = "changed"
    CANCELLED = "cancelled"


#: Under this name a submission's settings hold the paths of its copies.
COPIES: Final = "copies"

OPEN: Final = (ShardState.QUEUED, ShardState.WORKING)
_OPEN_SQL: Final = "('queued', 'working')"


@dataclass(frozen=True, slots=True)
class Submission:
    """A run as it is handed to workers. `settings` holds what rows mean where they are silent, no secret."""

    run_id: RunId
    queue: str
    priority: int
    inventories: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a submitted run, as a worker finds it."""

    shard_id: int
    shard_no: int
    run_id: RunId
    run_state: RunState
    part: Mapping[str, Any]
    rows: int
    state: ShardState
    tries: int
    settings: Mapping[str, Any]
    queue: str
    priority: int


@dataclass(frozen=True, slots=True)
class RunView:
    """A submitted run as it is shown: rows by state, shards by state, errors of shards that stopped."""

    run_id: RunId
    state: RunState
    began_at: datetime
    inventories: tuple[str, ...]
    rows: Mapping[State, int]
    shards: Mapping[ShardState, int]
    errors: tuple[tuple[int, str], ...]
    workers: tuple[str, ...]
    queue: str

    @property
    def is_finished(self) -> bool:
        """Tell whether no worker will do anything more for it."""
        return not any(self.shards.get(state, 0) for state in OPEN)


class RowsInUse(UsageError):
    """A run that is not finished works on rows which another one wants; `run_id` is the run's."""

    def __init__(self, run_id: RunId) -> None:
        super().__init__(
            f"run {run_id} is not finished with rows of this inventory",
            fix=f"wait for it (`bulkconn status --run {run_id}`), or cancel it: `bulkconn cancel {run_id}`",
        )
        self.run_id = run_id


def refuse_rows_in_use(db: Database, keys: Sequence[EndpointKey]) -> None:
    """Do nothing if no unfinished run works on these rows.

    Raises:
        RowsInUse: one does; a row belongs to one run at a time.
    """
    row = db.execute(
        f"""
        SELECT runs.run_id, count(*) FROM rows
        JOIN shards ON shards.id = rows.shard JOIN runs ON runs.id = shards.run
        WHERE rows.key = ANY(?) AND shards.state IN {_OPEN_SQL}
        GROUP BY runs.run_id ORDER BY 2 DESC LIMIT 1
        """,  # noqa: S608 - our own names
        (list(keys),),
    ).fetchone()
    if row is not None:
        raise RowsInUse(RunId(row[0]))


def refuse_open_shards(db: Database) -> None:
    """Do nothing if no submitted run has work left: whoever takes the whole ledger takes its rows too.

    Raises:
        UsageError: one has.
    """
    row = db.execute(
        f"SELECT runs.run_id, count(*) FROM shards JOIN runs ON runs.id = shards.run "  # noqa: S608 - our own names
        f"WHERE shards.state IN {_OPEN_SQL} GROUP BY runs.run_id ORDER BY runs.run_id LIMIT 1"
    ).fetchone()
    if row is not None:
        raise UsageError(
            f"run {row[0]} was submitted to workers and has {row[1]} shards left",
            fix=f"let workers finish it (`bulkconn worker`), or give it up: `bulkconn cancel {row[0]}`",
        )


def insert_submission(db: Database, run: int, submission: Submission) -> None:
    """Record a run as submitted and active."""
    db.execute(
        "INSERT INTO submissions (run, state, queue, priority, inventories, settings) "
        "VALUES (?, 'active', ?, ?, ?, ?)",
        (
            *(run, submission.queue, submission.priority),
            *(encode_json(submission.inventories), encode_json(dict(submission.settings))),
        ),
    )


def insert_shard(db: Database, run: int, shard_no: int, part: Mapping[str, Any], at: datetime) -> int:
    """Record a shard as queued and give its id."""
    (shard_id,) = db.execute(
        "INSERT INTO shards (run, shard_no, part, row_count, state, updated_at) "
        "VALUES (?, ?, ?, ?, 'queued', ?) RETURNING id",
        (run, shard_no, encode_json(dict(part)), part["rows"], encode_time(at)),
    ).fetchone()
    return int(shard_id)


def read_shard(db: Database, shard_id: int) -> Shard | None:
    """Give a shard; None if there is none of that id."""
    row = db.execute(
        "SELECT shards.id, shard_no, run_id, submissions.state, part, row_count, shards.state, tries, "
        "submissions.settings, queue, priority FROM shards JOIN submissions ON submissions.run = shards.run "
        "JOIN runs ON runs.id = shards.run WHERE shards.id = ?",
        (shard_id,),
    ).fetchone()
    if row is None:
        return None
    (shard_id, number, run_id, run_state, part, rows, state, tries, settings, queue, priority) = row
    return Shard(
        *(shard_id, number, RunId(run_id), RunState(run_state), json.loads(part), rows, ShardState(state)),
        *(tries, json.loads(settings), queue, priority),
    )


@dataclass(frozen=True, slots=True)
class ShardNews:
    """Where a shard stands now; `tries` are added, `error` replaces what was there."""

    state: ShardState
    error: str | None = None
    tries: int = 0


def mark_shard(db: Database, shard_id: int, news: ShardNews, at: datetime) -> None:
    """Say where a shard stands."""
    db.execute(
        "UPDATE shards SET state = ?, error = ?, tries = tries + ?, updated_at = ? WHERE id = ?",
        (news.state.value, news.error, news.tries, encode_time(at), shard_id),
    )


def open_shards(db: Database, run_id: RunId) -> list[int]:
    """Give the ids of a run's shards that have work left."""
    return [
        int(one)
        for (one,) in db.execute(
            f"SELECT shards.id FROM shards JOIN runs ON runs.id = shards.run "  # noqa: S608 - our own names
            f"WHERE run_id = ? AND shards.state IN {_OPEN_SQL} ORDER BY shard_no",
            (run_id,),
        )
    ]


def needs_inventories(db: Database, run_id: RunId) -> bool:
    """Tell whether a run may still read its inventories: work is left, or can be brought back by resuming."""
    row = db.execute(
        f"""
        SELECT 1 FROM shards JOIN submissions ON submissions.run = shards.run
        JOIN runs ON runs.id = shards.run WHERE run_id = ? AND (shards.state IN {_OPEN_SQL}
            OR shards.state IN ('set_aside', 'changed') AND submissions.state <> 'cancelled')
        LIMIT 1
        """,  # noqa: S608 - our own names
        (run_id,),
    ).fetchone()
    return row is not None


def read_copies(db: Database, run_id: RunId) -> tuple[str, ...]:
    """Give the paths of copies that were made of a run's inventories for its workers."""
    (settings,) = db.execute(
        "SELECT submissions.settings FROM submissions JOIN runs ON runs.id = run WHERE run_id = ?", (run_id,)
    ).fetchone()
    return tuple(json.loads(settings).get(COPIES, ()))


def count_open(db: Database, queues: Sequence[str]) -> int:
    """Count the shards of active runs that have work left, in these queues (all, if none is named)."""
    (count,) = db.execute(
        f"SELECT count(*) FROM shards JOIN submissions ON submissions.run = shards.run "  # noqa: S608 - our own names
        f"WHERE shards.state IN {_OPEN_SQL} AND submissions.state = 'active' "
        "AND (cardinality(?::text[]) = 0 OR queue = ANY(?))",
        (list(queues), list(queues)),
    ).fetchone()
    return int(count)


def change_run(db: Database, run_id: RunId, to: RunState, at: datetime) -> None:
    """Pause, resume or cancel a submitted run.

    Cancelling gives up the shards that nobody works on; resuming also brings back those that were set aside.

    Raises:
        UsageError: there is no such run, or it was cancelled before.
    """
    row = db.execute(
        "SELECT run, submissions.state FROM submissions JOIN runs ON runs.id = run WHERE run_id = ? "
        "FOR UPDATE OF submissions",
        (run_id,),
    ).fetchone()
    if row is None:
        raise UsageError(
            f"no run {run_id} was submitted to this ledger", fix="`bulkconn runs` lists those that were"
        )
    run, state = row
    if state == RunState.CANCELLED and to is not RunState.CANCELLED:
        raise UsageError(
            f"run {run_id} was cancelled", fix="submit the inventory again; created rows are skipped"
        )
    db.execute("UPDATE submissions SET state = ? WHERE run = ?", (to.value, run))
    if to is RunState.CANCELLED:
        db.execute(
            "UPDATE shards SET state = 'cancelled', updated_at = ? WHERE run = ? AND state = 'queued'",
            (encode_time(at), run),
        )
    if to is RunState.ACTIVE:
        db.execute(
            "UPDATE shards SET state = 'queued', tries = 0, error = NULL, updated_at = ? "
            "WHERE run = ? AND state IN ('set_aside', 'changed')",
            (encode_time(at), run),
        )


def read_runs(db: Database, run_id: RunId | None = None) -> list[RunView]:
    """Give the submitted runs, the newest first; only one where it is named."""
    where, values = (" WHERE run_id = ?", (run_id,)) if run_id is not None else ("", ())
    found = db.execute(
        "SELECT run, run_id, submissions.state, began_at, inventories, queue FROM submissions "  # noqa: S608 - our own names
        f"JOIN runs ON runs.id = run{where} ORDER BY run DESC",
        values,
    ).fetchall()
    return [_view(db, row) for row in found]


def _view(db: Database, found: Sequence[Any]) -> RunView:
    run, run_id, state, began_at, inventories, queue = found
    rows = db.execute(
        "SELECT rows.state, count(*) FROM rows JOIN shards ON shards.id = shard WHERE run = ? GROUP BY 1",
        (run,),
    ).fetchall()
    shards = db.execute("SELECT state, count(*) FROM shards WHERE run = ? GROUP BY 1", (run,)).fetchall()
    errors = db.execute(
        "SELECT shard_no, error FROM shards WHERE run = ? AND error IS NOT NULL ORDER BY shard_no LIMIT 20",
        (run,),
    ).fetchall()
    workers = db.execute(
        "SELECT DISTINCT holder FROM leases JOIN shards ON leases.scope = 'shard ' || shards.id "
        "WHERE run = ? AND until > clock_timestamp() ORDER BY 1",
        (run,),
    ).fetchall()
    return RunView(
        RunId(run_id),
        RunState(state),
        decode_time(began_at),
        tuple(json.loads(inventories)),
        {decode_state(one): count for one, count in rows},
        {ShardState(one): count for one, count in shards},
        tuple((number, error) for number, error in errors),
        tuple(holder for (holder,) in workers),
        queue,
    )
