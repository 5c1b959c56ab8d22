"""Hands an inventory to workers: rows, run, shards and jobs in one transaction; nothing is sent."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from bulkconn.fleet.queue import defer_shards, make_app, make_tables
from bulkconn.ledger import shards
from bulkconn.ledger.codec import encode_json, encode_time
from bulkconn.ledger.grouped import SEE_ROW, seen_values
from bulkconn.ledger.postgres_connection import in_psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import RunId
    from bulkconn.inventory.slices import Slice
    from bulkconn.ledger.postgres import PostgresStore
    from bulkconn.ledger.postgres_connection import PostgresDatabase
    from bulkconn.ledger.shards import Submission

#: Rows written at a time.
_BATCH: Final = 500


def submit(
    store: PostgresStore,
    submission: Submission,
    slices: Sequence[Slice],
    endpoints: Callable[[], Iterable[Endpoint]],
    now: datetime,
) -> None:
    """Record a run with its rows and shards, and queue a job for each shard: all of it or nothing.

    `endpoints` gives the valid rows afresh at each call, in the order of the slices.

    Raises:
        UsageError: an unfinished run works on some of these rows.
        LedgerError: the database could not take it.
    """
    app = make_app(store.place, connections=1)

    def work(db: PostgresDatabase) -> None:
        if db.execute("SELECT 1 FROM runs WHERE run_id = ?", (submission.run_id,)).fetchone():
            return  # The connection broke after the commit.
        make_tables(db)
        run = _begin_run(db, store, submission, now)
        rows = iter(endpoints())
        shard_ids = []
        for number, part in enumerate(slices, 1):
            shard_id = shards.insert_shard(db, run, number, part.as_json(), now)
            shard_ids.append(shard_id)
            for batch in _batches(islice(rows, part.rows)):
                _record(db, batch, shard_id, now)
        defer_shards(app, db, shard_ids, queue=submission.queue, priority=submission.priority)

    store.transact(work)


def change_run(store: PostgresStore, run_id: RunId, to: shards.RunState, now: datetime) -> None:
    """Pause, resume or cancel a submitted run; resuming queues its open shards again.

    Raises:
        UsageError: there is no such run, or it was cancelled.
    """
    app = make_app(store.place, connections=1)

    def work(db: PostgresDatabase) -> None:
        shards.change_run(db, run_id, to, now)
        if to is shards.RunState.ACTIVE:
            (view,) = db.execute(
                "SELECT queue, priority FROM submissions JOIN runs ON runs.id = run WHERE run_id = ?",
                (run_id,),
            ).fetchall()
            defer_shards(app, db, shards.open_shards(db, run_id), queue=view[0], priority=view[1])

    store.transact(work)


def _begin_run(db: PostgresDatabase, store: PostgresStore, submission: Submission, now: datetime) -> int:
    target = {"base_url": store.info.target.base_url, "org_id": store.info.target.org_id}
    (run,) = db.execute(
        "INSERT INTO runs (run_id, began_at, settings, target) VALUES (?, ?, ?, ?) RETURNING id",
        (
            *(submission.run_id, encode_time(now)),
            *(encode_json({**submission.settings, "command": "submit"}), encode_json(target)),
        ),
    ).fetchone()
    shards.insert_submission(db, int(run), submission)
    return int(run)


def _record(db: PostgresDatabase, batch: list[Endpoint], shard_id: int, now: datetime) -> None:
    shards.refuse_rows_in_use(db, [one.key for one in batch])
    with db.connection.cursor() as cursor:
        cursor.executemany(in_psycopg(SEE_ROW), [seen_values(one, now) for one in batch])
        cursor.executemany(
            in_psycopg("UPDATE rows SET inventory_file = ?, inventory_row = ?, shard = ? WHERE key = ?"),
            [(one.file, one.row, shard_id, one.key) for one in batch],
        )


def _batches(rows: Iterator[Endpoint]) -> Iterator[list[Endpoint]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
