"""What can be asked of a ledger: plain functions over one connection, none of them writes.

Every answer comes in pages or is bounded by what was asked for: memory does not grow with the ledger.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bulkconn.core.lifecycle import State
from bulkconn.core.record import (
    ErrorGroup,
    LedgerInfo,
    LedgerRecord,
    LedgerSummary,
    NameConflict,
    PaceNote,
    RowStanding,
    SentAs,
    TakenUp,
    Target,
    Watch,
)
from bulkconn.core.service_spec import Place, ServiceSpec, read_document
from bulkconn.ledger.codec import (
    RECORD_COLUMNS,
    decode_document,
    decode_record,
    decode_state,
    decode_taken_up,
    decode_time,
    encode_time,
)
from bulkconn.ledger.schema import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.ledger.database import Database

_T = TypeVar("_T")

#: Ends a condition over `rows`: SQL that begins with AND (or nothing), and its values.
Own = tuple[str, tuple[Any, ...]]
EVERY_ROW: Final[Own] = ("", ())

#: Values bound in one statement; SQLite before 3.32 takes at most 999.
_CHUNK: Final = 500


def read_info(db: Database, version: int = FORMAT_VERSION) -> LedgerInfo | None:
    """Say which ledger this is, of this format; None while it has no target yet."""
    row = db.execute("SELECT ledger_id, base_url, org_id FROM meta").fetchone()
    if row is None:
        return None
    return LedgerInfo(ledger_id=row[0], target=Target(row[1], row[2]), format_version=version)


def read_records(db: Database, keys: Sequence[EndpointKey]) -> dict[EndpointKey, LedgerRecord]:
    """Look rows up by key; unknown ones are left out."""
    found = {}
    for chunk in chunks(keys):
        sql = f"SELECT {RECORD_COLUMNS} FROM rows WHERE key IN ({marks(chunk)})"  # noqa: S608 - our own names
        for row in db.execute(sql, chunk):
            found[row[0]] = decode_record(row)
    return found


def read_standings(db: Database, keys: Sequence[EndpointKey]) -> dict[EndpointKey, RowStanding]:
    """Look up what tells finished rows from others by key; unknown keys are left out."""
    found = {}
    for chunk in chunks(keys):
        sql = (
            "SELECT key, state, fingerprint, ambiguous, connection_id, error_code FROM rows "  # noqa: S608 - our own names
            f"WHERE key IN ({marks(chunk)})"
        )
        for key, state, fingerprint, ambiguous, connection_id, code in db.execute(sql, chunk).fetchall():
            found[key] = RowStanding(decode_state(state), fingerprint, ambiguous, connection_id, code)
    return found


def read_taken_up(db: Database, keys: Sequence[EndpointKey]) -> dict[EndpointKey, TakenUp]:
    """Say as what unfinished rows were finished before they were taken up; of format 4 and later."""
    found: dict[EndpointKey, TakenUp] = {}
    for chunk in chunks(keys):
        sql = (
            "SELECT key, taken_up FROM rows WHERE taken_up IS NOT NULL "  # noqa: S608 - our own names
            f"AND state IN ('pending', 'sending', 'in_doubt') AND key IN ({marks(chunk)})"
        )
        found.update((key, decode_taken_up(text)) for key, text in db.execute(sql, chunk))
    return found


def read_doubted(
    db: Database, after: EndpointKey | None, limit: int, own: Own = EVERY_ROW
) -> list[LedgerRecord]:
    """Give up to `limit` rows in doubt, ordered by key, beginning after a key."""
    where, values = own
    sql = (
        f"SELECT {RECORD_COLUMNS} FROM rows WHERE state = 'in_doubt' AND key > ?{where} "  # noqa: S608 - our own names
        "ORDER BY key LIMIT ?"
    )
    return [decode_record(row) for row in db.execute(sql, (after or "", *values, limit))]


def read_connected(
    db: Database, after: EndpointKey | None, limit: int, own: Own = EVERY_ROW
) -> list[LedgerRecord]:
    """Give up to `limit` rows that are created or adopted, ordered by key, beginning after a key."""
    where, values = own
    sql = (
        f"SELECT {RECORD_COLUMNS} FROM rows WHERE state IN ('created', 'adopted') AND key > ?{where} "  # noqa: S608 - our own names
        "ORDER BY key LIMIT ?"
    )
    return [decode_record(row) for row in db.execute(sql, (after or "", *values, limit))]


def read_watched(
    db: Database, since: datetime, after: EndpointKey | None, limit: int, own: Own = EVERY_ROW
) -> list[Watch]:
    """Give the names of up to `limit` keys under which an attempt since then was ambiguous.

    Rows in doubt or on their way are left out: settling looks for them anyway.
    """
    where, values = own
    keys = f"""
        SELECT id, key FROM rows
        WHERE ambiguous > 0 AND key > ?{where} AND state NOT IN ('sending', 'in_doubt') AND EXISTS (
            SELECT 1 FROM attempts
            WHERE row_id = rows.id AND fact IN ('in_doubt', 'cut_off') AND at >= ?)
        ORDER BY key LIMIT ?
    """  # noqa: S608 - our own names
    names = """
        SELECT sandbox, name, connection_spec_id, max(at) FROM attempts
        WHERE row_id = ? AND fact IN ('in_doubt', 'cut_off') AND at >= ?
        GROUP BY sandbox, name, connection_spec_id ORDER BY sandbox, name, connection_spec_id
    """
    since_us = encode_time(since)
    return [
        Watch(key, SentAs(sandbox, name, spec_id), decode_time(at))
        for row_id, key in db.execute(keys, (after or "", *values, since_us, limit)).fetchall()
        for sandbox, name, spec_id, at in db.execute(names, (row_id, since_us))
    ]


def read_holders(db: Database, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
    """Say which rows hold these connection ids; the row that entered first, should two hold one."""
    found: dict[ConnectionId, EndpointKey] = {}
    for chunk in chunks(ids):
        sql = f"SELECT connection_id, key FROM rows WHERE connection_id IN ({marks(chunk)}) ORDER BY id DESC"  # noqa: S608 - our own names
        found.update(db.execute(sql, chunk))
    return found


def read_known_connection(db: Database, sandbox: str, skip: int = 0) -> LedgerRecord | None:
    """Give the longest-known created row of a sandbox, `skip` of them passed over."""
    sql = (
        f"SELECT {RECORD_COLUMNS} FROM rows WHERE state = 'created' AND sandbox = ? "  # noqa: S608 - our own names
        "ORDER BY updated_at LIMIT 1 OFFSET ?"
    )
    row = db.execute(sql, (sandbox, skip)).fetchone()
    return None if row is None else decode_record(row)


def read_conflicts(
    db: Database, names: Iterable[tuple[EndpointKey, str, str, str]]
) -> dict[EndpointKey, NameConflict]:
    """Say which other key (of several the one that entered first) already has a row's name."""
    # One statement for many names, but for one sandbox at a time: the same names may be in hundreds.
    asked: dict[str, list[tuple[EndpointKey, str, str]]] = {}
    for key, sandbox, spec_id, loose in names:
        asked.setdefault(sandbox, []).append((key, spec_id, loose))
    found: dict[EndpointKey, NameConflict] = {}
    for sandbox, questions in asked.items():
        for chunk in chunks(questions):
            found |= _conflicts_in(db, sandbox, chunk)
    return found


def _conflicts_in(
    db: Database, sandbox: str, questions: Sequence[tuple[EndpointKey, str, str]]
) -> dict[EndpointKey, NameConflict]:
    sql = (
        "SELECT loose_name, connection_spec_id, key, inventory_file, inventory_row, state FROM rows "  # noqa: S608 - our own names
        f"WHERE sandbox = ? AND loose_name IN ({marks(questions)}) ORDER BY id"
    )
    owners: dict[tuple[str, str], list[tuple[EndpointKey, str, int, str]]] = {}
    for loose, spec_id, *owner in db.execute(sql, (sandbox, *(one[2] for one in questions))):
        owners.setdefault((loose, spec_id), []).append(tuple(owner))
    found = {}
    for key, spec_id, loose in questions:
        for other, file, row, state in owners.get((loose, spec_id), ()):
            if other != key:
                found[key] = NameConflict(other, file, row, decode_state(state))
                break
    return found


def read_summary(db: Database, own: Own = EVERY_ROW) -> LedgerSummary:
    """Count the whole ledger: every state (also those without rows), and what stands against rows."""
    counts = dict.fromkeys(State, 0)
    where, values = own
    by_state = f"SELECT state, count(*) FROM rows WHERE true{where} GROUP BY state"  # noqa: S608 - our own names
    for state, rows in db.execute(by_state, values):
        counts[decode_state(state)] = rows
    groups = db.execute(
        f"""
        SELECT state, coalesce(error_code, ''), count(*) AS size, coalesce(min(nullif(error_message, '')), '')
        FROM rows
        WHERE (state IN ('failed', 'held', 'in_doubt') OR state = 'pending' AND error_code IS NOT NULL){where}
        GROUP BY 1, 2 ORDER BY size DESC, 1, 2
        """,  # noqa: S608 - our own names
        values,
    )
    oldest_doubt = f"SELECT min(doubted_at) FROM rows WHERE state = 'in_doubt'{where}"  # noqa: S608 - our own names
    (oldest,) = db.execute(oldest_doubt, values).fetchone()
    run = db.execute("SELECT run_id FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    return LedgerSummary(
        counts=counts,
        groups=tuple(ErrorGroup(decode_state(state), *rest) for state, *rest in groups),
        oldest_doubt_at=None if oldest is None else decode_time(oldest),
        last_run_id=None if run is None else run[0],
    )


def read_paces(db: Database, run_id: RunId) -> list[PaceNote]:
    """Give at which pace a run went, in the order of time; of format 3 and later."""
    sql = """
        SELECT at, rate_per_s, ceiling_per_s, closed_for_s FROM paces
        WHERE run = (SELECT id FROM runs WHERE run_id = ?) ORDER BY at, id
    """
    return [PaceNote(decode_time(at), *rest) for at, *rest in db.execute(sql, (run_id,))]


def read_specs(db: Database) -> dict[Place, ServiceSpec]:
    """Give what the service said of connection specs; there are a few for each sandbox.

    A copy that cannot be read is none: it is asked for again.
    """
    found = {}
    sql = "SELECT sandbox, connection_spec_id, read_at, document FROM specs"
    for sandbox, spec_id, read_at, document in db.execute(sql):
        place = Place(sandbox, spec_id)
        spec = read_document(decode_document(document), place, decode_time(read_at))
        if isinstance(spec, ServiceSpec):
            found[place] = spec
    return found


def marks(values: Sequence[object]) -> str:
    """Give as many marks for values, for a list in a statement."""
    return ",".join("?" * len(values))


def chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """Give values in parts of which each has room in one statement."""
    rest = iter(values)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
