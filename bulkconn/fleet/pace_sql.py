"""What the shared pace asks of PostgreSQL: one row for each target, and beside it one for each run at work.

They lie in a schema of their own, shared by all ledgers of a database: the limit is the organisation's.
Every statement works alone and is worth no fsync. `TAKE` locks the target's row, then the run's own, so that
it reads both as the last worker left them.
"""

from __future__ import annotations

from typing import Final

RUNS: Final = "bulkconn_pace.runs"
#: Where a run's row lies that was made without the right to share it with others.
OWN_RUNS: Final = "pg_temp.runs"
_RUNS_COLUMNS: Final = """(
        base_url TEXT NOT NULL,
        org_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        round_slots INTEGER NOT NULL DEFAULT 0,
        round_end TIMESTAMPTZ NOT NULL,
        counts_until TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (base_url, org_id, run_id)
    );
"""
MAKE: Final = f"""
    SELECT pg_advisory_xact_lock(hashtext('bulkconn_pace'));
    CREATE SCHEMA IF NOT EXISTS bulkconn_pace;
    CREATE TABLE IF NOT EXISTS bulkconn_pace.paces (
        base_url TEXT NOT NULL,
        org_id TEXT NOT NULL,
        pace DOUBLE PRECISION NOT NULL,
        complaint_pace DOUBLE PRECISION NOT NULL DEFAULT 0,
        next_at TIMESTAMPTZ NOT NULL,
        closed_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        lowered_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        strained_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
        climbed_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (base_url, org_id)
    );
    CREATE TABLE IF NOT EXISTS {RUNS} {_RUNS_COLUMNS}
    GRANT USAGE ON SCHEMA bulkconn_pace TO PUBLIC;
    GRANT SELECT, INSERT, UPDATE ON bulkconn_pace.paces TO PUBLIC;
    GRANT SELECT, INSERT, UPDATE, DELETE ON {RUNS} TO PUBLIC;
"""
MAKE_OWN_RUNS: Final = f"CREATE TEMP TABLE IF NOT EXISTS runs {_RUNS_COLUMNS}"
IS_MADE: Final = f"SELECT to_regclass('{RUNS}')"

ENTER: Final = (
    """
    INSERT INTO bulkconn_pace.paces (base_url, org_id, pace, next_at, climbed_at)
    VALUES (%(url)s, %(org)s, %(ceiling)s, clock_timestamp(), clock_timestamp()) ON CONFLICT DO NOTHING
    """,
    # Rows of runs that have ended.
    "DELETE FROM bulkconn_pace.runs WHERE counts_until < clock_timestamp() - interval '3600 s'",
    """
    INSERT INTO bulkconn_pace.runs (base_url, org_id, run_id, round_end, counts_until)
    VALUES (%(url)s, %(org)s, %(run)s, clock_timestamp(), clock_timestamp()) ON CONFLICT DO NOTHING
    """,
)
# The pace climbs with time as a single process's does: by a fifth a second, by 0.3 % near the last complaint.
# A run that is not alone gets its next round once the last one is about used up; else it has none.
TAKE: Final = """
    WITH now AS (SELECT clock_timestamp() AS at),
    old AS (
        SELECT paces.*, now.at, runs.round_slots, runs.round_end,
            least(%(ceiling)s, pace * (1 + least(1, extract(epoch FROM at - climbed_at))
            * CASE WHEN lowered_at > at - interval '60 s' AND pace >= complaint_pace * 0.9
                   THEN 0.003 ELSE 0.2 END)) AS climbed,
            EXISTS (
                SELECT 1 FROM bulkconn_pace.runs AS others WHERE others.base_url = %(url)s
                AND others.org_id = %(org)s AND others.run_id <> %(run)s AND others.counts_until > now.at
            ) AS is_shared
        FROM bulkconn_pace.paces JOIN bulkconn_pace.runs AS runs
            ON runs.base_url = paces.base_url AND runs.org_id = paces.org_id, now
        WHERE paces.base_url = %(url)s AND paces.org_id = %(org)s AND run_id = %(run)s
        FOR UPDATE OF paces, runs
    ),
    wish AS (
        SELECT *, greatest(next_at, at) AS starts_at, greatest(1, round(climbed * %(worth)s)) AS round_size,
            CASE WHEN is_shared AND round_end > at + make_interval(secs => %(ahead)s)
                THEN round_slots ELSE 0 END AS spent
        FROM old
    ),
    given AS (
        SELECT *, CASE WHEN closed_until > at THEN 0
            ELSE greatest(0, least(%(wanted)s, round_size - spent)) END AS slots
        FROM wish
    ),
    taken AS (
        SELECT *, CASE WHEN slots > 0 THEN starts_at + make_interval(secs => slots * %(margin)s / climbed)
            ELSE next_at END AS ends_at
        FROM given
    ),
    counted AS (
        UPDATE bulkconn_pace.runs AS runs SET
            round_slots = spent + slots,
            round_end = CASE WHEN slots > 0 THEN ends_at ELSE runs.round_end END,
            counts_until = interval '1 s'
                + CASE WHEN slots > 0 THEN ends_at ELSE greatest(taken.at, runs.round_end) END
        FROM taken WHERE runs.base_url = %(url)s AND runs.org_id = %(org)s AND runs.run_id = %(run)s
    )
    UPDATE bulkconn_pace.paces SET pace = taken.climbed, climbed_at = taken.at, next_at = taken.ends_at
    FROM taken WHERE paces.base_url = taken.base_url AND paces.org_id = taken.org_id
    RETURNING taken.climbed, slots,
        extract(epoch FROM CASE WHEN slots > 0 THEN starts_at ELSE taken.round_end END - taken.at),
        CASE WHEN taken.closed_until > taken.at
            THEN extract(epoch FROM taken.closed_until - taken.at) ELSE 0 END
"""
CLOSE: Final = """
    UPDATE bulkconn_pace.paces SET
        closed_until = greatest(closed_until, clock_timestamp() + make_interval(secs => %(seconds)s))
    WHERE base_url = %(url)s AND org_id = %(org)s
"""
HEAR: Final = """
    SELECT CASE WHEN closed_until > clock_timestamp()
            THEN extract(epoch FROM closed_until - clock_timestamp()) ELSE 0 END FROM bulkconn_pace.paces
    WHERE base_url = %(url)s AND org_id = %(org)s
"""
LOWER: Final = """
    UPDATE bulkconn_pace.paces SET
        complaint_pace = pace, pace = greatest(least(%(floor)s, %(ceiling)s), pace * 0.7),
        lowered_at = clock_timestamp(), climbed_at = clock_timestamp()
    WHERE base_url = %(url)s AND org_id = %(org)s
        AND lowered_at < clock_timestamp() - make_interval(secs => %(age)s)
"""
STRAIN: Final = """
    UPDATE bulkconn_pace.paces SET
        pace = greatest(least(%(floor)s, %(ceiling)s), pace * 0.9),
        strained_at = clock_timestamp(), climbed_at = clock_timestamp()
    WHERE base_url = %(url)s AND org_id = %(org)s AND strained_at < clock_timestamp() - interval '1 s'
"""
RESTART: Final = """
    UPDATE bulkconn_pace.paces SET
        pace = least(%(ceiling)s, greatest(1, %(ceiling)s * 0.1)), complaint_pace = %(ceiling)s,
        lowered_at = clock_timestamp(), climbed_at = clock_timestamp()
    WHERE base_url = %(url)s AND org_id = %(org)s
"""
