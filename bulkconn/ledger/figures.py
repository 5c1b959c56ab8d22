"""What a report asks of a ledger: counted by the database, so that memory does not grow with the rows.

Plain functions over one connection, none of them writes. Call them inside one `SqlStore.snapshot`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.figures import (
    Bar,
    Figures,
    FleetFacts,
    Latencies,
    PaceNow,
    PacePoint,
    RunFacts,
    Timeline,
    bar_width_s,
    shares_of,
)
from bulkconn.core.record import AttemptEnd
from bulkconn.ledger.codec import decode_state, decode_time, encode_time
from bulkconn.ledger.queries import EVERY_ROW, read_summary
from bulkconn.ledger.verifications import read_newest

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from bulkconn.ledger.database import Database
    from bulkconn.ledger.queries import Own
    from bulkconn.ledger.sql_store import SqlStore

#: Sources, clouds and sandboxes that are told apart; the rest is added up.
MOST_SHARES: Final = 20
#: Error groups and runs that are shown.
MOST_GROUPS: Final = 50
MOST_RUNS: Final = 20
_US: Final = 1_000_000
_ENDS: Final = ", ".join(f"'{end.value}'" for end in AttemptEnd)
#: Ends whose time tells how long the service took; what was not processed may never have left.
_ANSWERED: Final = "'created', 'in_doubt', 'rejected'"
#: In microseconds: to the millisecond below 0.1 s, then to a hundredth or better. So few values are counted
#: in the database, whatever the number of answers.
_ROUNDED: Final = """
    CASE WHEN d < 0 THEN 0 WHEN d < 100000 THEN d / 1000 * 1000 WHEN d < 1000000 THEN d / 10000 * 10000
    WHEN d < 10000000 THEN d / 100000 * 100000 ELSE d / 1000000 * 1000000 END
"""
_RUN: Final = "SELECT id, run_id, began_at, ended_at, settings, summary FROM runs"

#: What is told of a row, in this order.
ROW_COLUMNS: Final = (
    *("name", "state", "source", "platform_cloud", "sandbox", "auth", "connection_id", "etag", "attempts"),
    *("error_code", "error_message", "request_id", "key", "inventory_file", "inventory_row", "updated_at"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is to show: of which run, at what time, and how the ledger is called."""

    ledger: str
    now: datetime
    run_id: str | None = None


def read_figures(store: SqlStore, asked: Asked) -> Figures | None:
    """Count everything, inside a snapshot that the caller opened; None if there is no run of that id."""
    return store.read(lambda db: _read(db, store, asked))


def own_rows(store: SqlStore, run: RunFacts | None, *, is_narrowed: bool) -> Own:
    """Narrow a statement over `rows` to those of a submitted run."""
    if run is None or not is_narrowed or not store.has_shards:
        return EVERY_ROW
    return " AND shard IN (SELECT id FROM shards WHERE run = ?)", (run.number,)


def iter_rows(
    store: SqlStore, own: Own, *, limit: int, newest: bool = False
) -> Generator[tuple[Any, ...], None, None]:
    """Give up to `limit` rows as `ROW_COLUMNS`: in the inventories' order, or what changed last first.

    `updated_at` is whole milliseconds since 1970. A caller who stops early closes the generator.
    """
    where, values = own
    order = "updated_at DESC, id DESC" if newest else "inventory_file, inventory_row, id"
    sql = f"SELECT {', '.join(ROW_COLUMNS)} FROM rows WHERE true{where} ORDER BY {order} LIMIT {int(limit)}"  # noqa: S608 - our own names
    for row in store.stream(sql, values):
        yield (*row[:-1], row[-1] // 1000)


def _read(db: Database, store: SqlStore, asked: Asked) -> Figures | None:
    run = _read_run(db, asked.run_id)
    if run is None and asked.run_id is not None:
        return None
    fleet = _read_fleet(db, store)
    is_narrowed = asked.run_id is not None and any(one.run_id == asked.run_id for one in fleet)
    own = own_rows(store, run, is_narrowed=is_narrowed)
    summary = read_summary(db, own)
    counted = _read_shares(db, own)
    return Figures(
        ledger=asked.ledger,
        target=store.info.target,
        made_at=asked.now,
        counts=summary.counts,
        groups=summary.groups[:MOST_GROUPS],
        oldest_doubt_at=summary.oldest_doubt_at,
        sources=shares_of(((one[0], one[3], one[4]) for one in counted), most=MOST_SHARES),
        clouds=shares_of(((one[1], one[3], one[4]) for one in counted), most=MOST_SHARES),
        sandboxes=shares_of(((one[2], one[3], one[4]) for one in counted), most=MOST_SHARES),
        runs=tuple(_run(row) for row in db.execute(f"{_RUN} ORDER BY id DESC LIMIT {MOST_RUNS}").fetchall()),
        run=run,
        timeline=None if run is None else _read_timeline(db, run, has_paces=store.has_paces),
        latencies=None if run is None else _read_latencies(db, run),
        pace_now=_read_pace_now(db, store) if store.has_shards else None,
        verified=read_newest(db, own, most=MOST_GROUPS) if store.has_paces else None,
        fleet=tuple(one for one in fleet if not is_narrowed or one.run_id == asked.run_id),
        is_narrowed=is_narrowed,
    )


def _read_run(db: Database, run_id: str | None) -> RunFacts | None:
    """Give the run of that id, or the last one that sent anything, or the last one.

    The same command again, which found nothing left to do, is a run too, but nobody asks for its picture.
    """
    if run_id is not None:
        row = db.execute(f"{_RUN} WHERE run_id = ?", (run_id,)).fetchone()
        return None if row is None else _run(row)
    last = "SELECT run FROM attempts ORDER BY id DESC LIMIT 1"
    row = db.execute(f"{_RUN} ORDER BY id = coalesce(({last}), 0) DESC, id DESC LIMIT 1").fetchone()
    return None if row is None else _run(row)


def _run(row: tuple[Any, ...]) -> RunFacts:
    number, run_id, began_at, ended_at, settings, summary = row
    return RunFacts(
        number,
        run_id,
        decode_time(began_at),
        None if ended_at is None else decode_time(ended_at),
        _object(settings),
        _object(summary),
    )


def _object(text: str | None) -> Mapping[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def _read_shares(db: Database, own: Own) -> list[tuple[str, str, str, Any, int]]:
    where, values = own
    sql = (
        "SELECT source, platform_cloud, sandbox, state, count(*) FROM rows "  # noqa: S608 - our own names
        f"WHERE true{where} GROUP BY 1, 2, 3, 4"
    )
    return [(*place, decode_state(state), rows) for *place, state, rows in db.execute(sql, values)]


def _read_timeline(db: Database, run: RunFacts, *, has_paces: bool) -> Timeline:
    """Count the answers of a run by stretches, from its first intent to its last answer.

    Not from the beginning of the run: rows that were submitted may wait hours for a worker.
    """
    first_us, last_us = db.execute(
        f"SELECT min(at), max(at) FROM attempts WHERE run = ? AND fact IN ('intent', {_ENDS})",  # noqa: S608 - our own names
        (run.number,),
    ).fetchone()
    began_us = encode_time(run.began_at) if first_us is None else int(first_us)
    span_s = max(0.0, ((last_us or began_us) - began_us) / _US)
    width_s = bar_width_s(span_s)
    width_us = int(width_s * _US)
    bars: dict[int, dict[AttemptEnd, int]] = {}
    sql = (
        f"SELECT (at - {began_us}) / {width_us}, fact, count(*) FROM attempts "  # noqa: S608 - our own names
        f"WHERE run = ? AND fact IN ({_ENDS}) GROUP BY 1, 2 ORDER BY 1"
    )
    for number, fact, count in db.execute(sql, (run.number,)):
        # A clock that was set back must not draw outside the picture.
        place = max(0, int(number))
        answers = bars.setdefault(place, {})
        answers[AttemptEnd(fact)] = answers.get(AttemptEnd(fact), 0) + count
    paces = _read_paces(db, run, began_us, max(_US // 4, width_us // 4)) if has_paces else ()
    drawn = tuple(Bar(place * width_s, answers) for place, answers in bars.items())
    return Timeline(decode_time(began_us), width_s, span_s, drawn, paces)


def _read_paces(db: Database, run: RunFacts, began_us: int, step_us: int) -> tuple[PacePoint, ...]:
    """Give the pace of a run, of several changes in one step the lowest pace and the longest closure."""
    sql = (
        f"SELECT (at - {began_us}) / {step_us} AS step, min(at), min(rate_per_s), max(ceiling_per_s), "  # noqa: S608 - our own names
        "max(closed_for_s) FROM paces WHERE run = ? GROUP BY 1 ORDER BY 1"
    )
    return tuple(
        PacePoint(max(0.0, (at - began_us) / _US), rate, ceiling, closed_s or 0.0)
        for _, at, rate, ceiling, closed_s in db.execute(sql, (run.number,))
    )


def _read_latencies(db: Database, run: RunFacts) -> Latencies:
    """Count how long answers took, from the durable intent to the outcome, both of this run."""
    took = (
        "SELECT max(CASE WHEN fact <> 'intent' THEN at END) "  # noqa: S608 - our own names
        "- max(CASE WHEN fact = 'intent' THEN at END) AS d "
        f"FROM attempts WHERE run = ? AND fact IN ('intent', {_ANSWERED}) GROUP BY row_id, attempt_no"
    )
    sql = (
        f"SELECT {_ROUNDED}, count(*), max(d) FROM ({took}) AS took WHERE d IS NOT NULL GROUP BY 1 ORDER BY 1"  # noqa: S608 - likewise
    )
    found = db.execute(sql, (run.number,)).fetchall()
    return Latencies(
        tuple((us / _US, count) for us, count, _ in found), max((most for *_, most in found), default=0) / _US
    )


def _read_pace_now(db: Database, store: SqlStore) -> PaceNow | None:
    """Give the pace of all workers at the target, whichever ledger they work on; None without any."""
    (table,) = db.execute("SELECT to_regclass('bulkconn_pace.paces')").fetchone()
    if table is None:
        return None
    sql = (
        "SELECT pace, CASE WHEN closed_until > clock_timestamp() "
        "THEN extract(epoch FROM closed_until - clock_timestamp()) ELSE 0 END "
        "FROM bulkconn_pace.paces WHERE base_url = ? AND org_id = ?"
    )
    target = store.info.target
    row = db.execute(sql, (target.base_url, target.org_id)).fetchone()
    return None if row is None else PaceNow(float(row[0]), float(row[1]))


def _read_fleet(db: Database, store: SqlStore) -> tuple[FleetFacts, ...]:
    """Give the runs that were submitted to workers and the newest of those that are finished."""
    if not store.has_shards:
        return ()
    from bulkconn.ledger.shards import read_runs  # noqa: PLC0415 - only a ledger of workers has these

    return tuple(
        FleetFacts(
            run_id=view.run_id,
            state="finished" if view.is_finished and view.state == "active" else view.state.value,
            queue=view.queue,
            inventories=view.inventories,
            shards={state.value: count for state, count in view.shards.items()},
            workers=view.workers,
            errors=view.errors,
        )
        for view in read_runs(db)[:MOST_RUNS]
    )
