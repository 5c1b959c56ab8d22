"""The table `verifications`: what is to be verified in a round, what was found, and how it adds up.

Plain functions over one connection; a row's verification counts only for the connection that it has now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.figures import Verified
from bulkconn.core.verification import Verdict
from bulkconn.core.verify_report import CauseGroup
from bulkconn.ledger.codec import RECORD_COLUMNS, decode_record, decode_time, encode_time, storable
from bulkconn.ledger.queries import EVERY_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.names import EndpointKey, RunId
    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.verification import Verification
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.queries import Own

_KEEP: Final = """
    INSERT INTO verifications (row_id, round, run, at, connection_id, verdict, code, message, request_id)
    SELECT id, ?, ?, ?, ?, ?, ?, ?, ? FROM rows WHERE key = ?
    ON CONFLICT (row_id) DO UPDATE SET
        round = excluded.round, run = excluded.run, at = excluded.at,
        connection_id = excluded.connection_id, verdict = excluded.verdict, code = excluded.code,
        message = excluded.message, request_id = excluded.request_id
"""
#: Rows with a connection to look at that this round (`?`) has not come to.
_OPEN: Final = """
    state IN ('created', 'adopted') AND NOT EXISTS (
        SELECT 1 FROM verifications AS done WHERE done.row_id = rows.id
        AND done.connection_id = rows.connection_id
        AND done.round = (SELECT id FROM runs WHERE run_id = ?))
"""
_FAILING: Final = """
    AND EXISTS (SELECT 1 FROM verifications AS word WHERE word.row_id = rows.id
    AND word.connection_id = rows.connection_id AND word.verdict <> 'ok')
"""
_NEWEST: Final = """
    FROM verifications AS word JOIN rows ON rows.id = word.row_id AND rows.connection_id = word.connection_id
    WHERE rows.state IN ('created', 'adopted')
"""
_DONE: Final = f"{_NEWEST} AND word.round = (SELECT id FROM runs WHERE run_id = ?)"  # noqa: S608 - our own names


def keep_verifications(
    db: Database, round_no: int, run_no: int, verifications: Sequence[Verification]
) -> None:
    """Write what was found over what was known; both numbers are those of runs."""
    for one in verifications:
        found = one.finding
        # fmt: off
        db.execute(_KEEP, (
            round_no, run_no, encode_time(one.at), one.connection_id, found.verdict.value,
            storable(found.code), storable(found.message), storable(found.request_id), one.key,
        ))
        # fmt: on


def read_unverified(
    db: Database,
    round_id: RunId,
    after: EndpointKey | None,
    limit: int,
    *,
    only_failing: bool,
    own: Own = EVERY_ROW,
) -> list[LedgerRecord]:
    """Give up to `limit` rows that a round has not come to, ordered by key, beginning after a key."""
    where, values = own
    sql = (
        f"SELECT {RECORD_COLUMNS} FROM rows WHERE {_OPEN}{_FAILING if only_failing else ''} AND key > ?"  # noqa: S608 - our own names
        f"{where} ORDER BY key LIMIT ?"
    )
    rows = db.execute(sql, (round_id, after or "", *values, limit))
    return [decode_record(row) for row in rows]


def count_unverified(db: Database, round_id: RunId, *, only_failing: bool, own: Own = EVERY_ROW) -> int:
    """Count the rows that a round has not come to."""
    where, values = own
    sql = f"SELECT count(*) FROM rows WHERE {_OPEN}{_FAILING if only_failing else ''}{where}"  # noqa: S608 - our own names
    (rows,) = db.execute(sql, (round_id, *values)).fetchone()
    return int(rows)


def read_causes(db: Database, round_id: RunId) -> tuple[dict[Verdict, int], list[CauseGroup]]:
    """Give how a round's verdicts add up, and what stands against rows, largest first."""
    counts = dict.fromkeys(Verdict, 0)
    for verdict, rows in db.execute(f"SELECT word.verdict, count(*) {_DONE} GROUP BY 1", (round_id,)):
        counts[Verdict(verdict)] = rows
    groups = db.execute(
        "SELECT word.verdict, coalesce(word.code, ''), count(*) AS size, "
        f"min(rows.key || ': ' || coalesce(word.message, '')) {_DONE} AND word.verdict <> 'ok' "
        "GROUP BY 1, 2 ORDER BY size DESC, 1, 2",
        (round_id,),
    )
    return counts, [CauseGroup(Verdict(verdict), *rest) for verdict, *rest in groups]


def read_newest(db: Database, own: Own, *, most: int) -> Verified | None:
    """Give the newest word on each connection that rows have now, of whichever round; None without any.

    At most so many causes are told apart.
    """
    where, values = own
    counts, times = dict.fromkeys(Verdict, 0), []
    sql = f"SELECT word.verdict, count(*), min(word.at), max(word.at) {_NEWEST}{where} GROUP BY 1"
    for verdict, rows, first_us, last_us in db.execute(sql, values):
        counts[Verdict(verdict)] = rows
        times += [first_us, last_us]
    if not times:
        return None
    connected = f"SELECT count(*) FROM rows WHERE state IN ('created', 'adopted'){where}"  # noqa: S608 - our own names
    (rows,) = db.execute(connected, values).fetchone()
    groups = db.execute(
        "SELECT word.verdict, coalesce(word.code, ''), count(*) AS size, "
        f"min(rows.key || ': ' || coalesce(word.message, '')) {_NEWEST} AND word.verdict <> 'ok'{where} "
        f"GROUP BY 1, 2 ORDER BY size DESC, 1, 2 LIMIT {int(most)}",
        values,
    )
    return Verified(
        counts,
        int(rows) - sum(counts.values()),
        decode_time(min(times)),
        decode_time(max(times)),
        tuple(CauseGroup(Verdict(verdict), *rest) for verdict, *rest in groups),
    )
