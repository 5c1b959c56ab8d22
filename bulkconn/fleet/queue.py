"""The queue: procrastinate's tables beside the ledger's own, in the same schema."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import procrastinate
import psycopg
from procrastinate.schema import SchemaManager
from psycopg.conninfo import conninfo_to_dict

from bulkconn.core.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from procrastinate.types import JSONDict

    from bulkconn.ledger.postgres_connection import PostgresDatabase
    from bulkconn.ledger.postgres_url import PostgresPlace

#: The job's name; it is called with the id of a shard.
WORK_SHARD: Final = "bulkconn.work_shard"
#: Seconds between two signs of life of a worker, and without one after which its jobs are taken from it.
HEARTBEAT_S: Final = 3.0
STALLED_S: Final = 10.0

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
    """Queue a job for each shard, in the caller's transaction."""
    if not shard_ids:
        return
    deferrer = app.configure_task(
        WORK_SHARD, queue=queue, priority=priority, allow_unknown=True, connection=db.connection
    )
    calls: list[JSONDict] = [{"shard": one} for one in shard_ids]
    deferrer.batch_defer(*calls)


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
        SELECT shards.id, queue, priority FROM shards JOIN submissions ON submissions.run = shards.run
        WHERE shards.state IN ('queued', 'working') AND submissions.state = 'active' AND NOT EXISTS (
            SELECT 1 FROM procrastinate_jobs
            WHERE task_name = ? AND status IN ('todo', 'doing') AND (args ->> 'shard')::bigint = shards.id)
        """,
        (WORK_SHARD,),
    ).fetchall()
    for shard_id, queue, priority in orphans:
        defer_shards(app, db, [shard_id], queue=queue, priority=priority)
    return len(orphans)


def explain_queue(error: Exception) -> LedgerError:
    """Translate an error of the queue: its database is the ledger's."""
    cause = error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error
    return LedgerError(
        f"the queue cannot be used: {str(cause).partition(chr(10))[0]}",
        fix="see that the ledger's database can be reached, then start the worker again",
    )
