"""The queue: procrastinate's tables beside the ledger's own, in the same schema."""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import procrastinate
import psycopg
from procrastinate.jobs import Job
from procrastinate.schema import SchemaManager
from psycopg.conninfo import conninfo_to_dict

from bulkconn.core.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.ledger.postgres_connection import PostgresDatabase
    from bulkconn.ledger.postgres_url import PostgresPlace

#: The job's name; it is called with the id of a shard.
WORK_SHARD: Final = "bulkconn.work_shard"
#: Seconds between two signs of life of a worker, and without one after which its jobs are taken from it.
HEARTBEAT_S: Final = 3.0
STALLED_S: Final = 10.0
#: Places in the line of one `--priority`, which is -1000 to 1000: a job's own priority is an int4.
LINE: Final = 2_000_000

# Its records of failed jobs come with tracebacks; what there is to say of a shard, a worker says itself.
logging.getLogger("procrastinate").setLevel(logging.CRITICAL + 1)


def make_app(place: PostgresPlace, *, connections: int) -> procrastinate.App:
    """Give procrastinate over the ledger's schema; nothing is connected yet."""
    settings: dict[str, Any] = dict(conninfo_to_dict(place.url))
    options = str(settings.get("options") or "")
    settings["options"] = f"{options} -c search_path={place.schema}".strip()
    connector = procrastinate.PsycopgConnector(
        conninfo="",
        kwargs={"connect_timeout": 5, **settings},
        min_size=1,
        max_size=connections,
    )
    return procrastinate.App(connector=connector)


def make_tables(db: PostgresDatabase) -> None:
    """Make the queue's tables in the current schema where there are none, in the caller's transaction."""
    db.execute("SELECT pg_advisory_xact_lock(hashtext('bulkconn queue'))")
    (there,) = db.execute(
        "SELECT to_regclass(quote_ident(current_schema()) || '.procrastinate_jobs')"
    ).fetchone()
    if there is None:
        # Without values the whole script is one simple query.
        db.connection.execute(SchemaManager.get_schema())


def defer_shards(
    app: procrastinate.App, db: PostgresDatabase, shard_ids: Sequence[int], *, queue: str, priority: int
) -> None:
    """Queue a job for each shard of one run, in the caller's transaction.

    Runs of one priority share the workers: the first shard gets the place that is served now, each further
    one the next place, and a run that began earlier has jobs at the same places. What the queue itself
    queues again (given back, or taken from a dead worker) keeps its place.
    """
    if not shard_ids:
        return
    place = _served_place(db, queue, priority)
    jobs = [
        Job(
            id=None,
            task_name=WORK_SHARD,
            queue=queue,
            lock=None,
            queueing_lock=None,
            task_kwargs={"shard": shard_id},
            # Past the end of the line it is age that counts, until the line was empty once.
            priority=priority * LINE - min(place + number, LINE - 1),
        )
        for number, shard_id in enumerate(shard_ids)
    ]
    app.job_manager.batch_defer_jobs(jobs, connection=db.connection)


def _served_place(db: PostgresDatabase, queue: str, priority: int) -> int:
    """Give the place up to which a priority's line was served: the last taken or the first that was not.

    A queue where nothing is left joins the others, for workers that serve several. The last one taken says
    too little by itself if it takes long; what was given back waits at an old place and counts as taken.
    """
    top = priority * LINE
    (place,) = db.execute(
        """
        SELECT coalesce(
            greatest(max(place) FILTER (WHERE was_taken AND is_own),
                     min(place) FILTER (WHERE NOT was_taken AND is_own)),
            greatest(max(place) FILTER (WHERE was_taken), min(place) FILTER (WHERE NOT was_taken)), 0)
        FROM (
            SELECT ?::int - priority AS place, queue_name = ? AS is_own,
                status = 'doing' OR attempts > 0 AS was_taken
            FROM procrastinate_jobs
            WHERE task_name = ? AND status IN ('todo', 'doing') AND priority > ?::int AND priority <= ?::int
        ) AS line
        """,
        (top, queue, WORK_SHARD, top - LINE, top),
    ).fetchone()
    return int(place)


async def take_from_the_dead(app: procrastinate.App) -> int:
    """Queue the jobs again of workers that give no sign of life; give their number.

    A job that is done twice does no harm: the second worker finds the shard held, or done.
    """
    stalled = await app.job_manager.get_stalled_jobs(task_name=WORK_SHARD, seconds_since_heartbeat=STALLED_S)
    count = 0
    for job in stalled:
        # Another worker may have been faster.
        with suppress(procrastinate.exceptions.ConnectorException):
            await app.job_manager.retry_job(job)
            count += 1
    return count


def defer_orphans(app: procrastinate.App, db: PostgresDatabase) -> int:
    """Give shards a job that have work left and none; one worker at a time does so. Gives their number."""
    (is_mine,) = db.execute("SELECT pg_try_advisory_xact_lock(hashtext('bulkconn sweep'))").fetchone()
    if not is_mine:
        return 0
    orphans = db.execute(
        """
        SELECT shards.run, queue, priority, shards.id
        FROM shards JOIN submissions ON submissions.run = shards.run
        WHERE shards.state IN ('queued', 'working') AND submissions.state = 'active' AND NOT EXISTS (
            SELECT 1 FROM procrastinate_jobs
            WHERE task_name = ? AND status IN ('todo', 'doing') AND (args ->> 'shard')::bigint = shards.id)
        ORDER BY shards.run, shard_no
        """,
        (WORK_SHARD,),
    ).fetchall()
    # Their old places are not known. Whose job was lost had its turn, so it begins where the line stands.
    for (_, queue, priority), found in groupby(orphans, key=lambda one: tuple(one[:3])):
        defer_shards(app, db, [one[3] for one in found], queue=queue, priority=priority)
    return len(orphans)


def explain_queue(error: Exception) -> LedgerError:
    """Translate an error of the queue: its database is the ledger's."""
    cause = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    return LedgerError(
        f"the queue cannot be used: {str(cause).partition(chr(10))[0]}",
        fix="see that the ledger's database can be reached, then start the worker again",
    )
