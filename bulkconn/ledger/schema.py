"""The ledger's tables, its format version, and the way from an older format to this one.

Times are whole microseconds since 1970 in UTC (`datetime(at / 1000000, 'unixepoch')` shows one in the
sqlite3 shell). Nothing here is ever a secret or a whole payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import LedgerError, LedgerTooNew

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

#: "bulk" in ASCII, at a fixed place in the file's header: tells a ledger from any other SQLite file.
APPLICATION_ID: Final = 0x62756C6B

#: Binds a new ledger to its target; a bound one keeps its own.
BIND: Final = "INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

#: `fact` of the append-only attempts beside the values of `AttemptEnd`.
INTENT: Final = "intent"
CUT_OFF: Final = "cut_off"
#: A connection of the row was deleted on request; its id is with it.
DELETED: Final = "deleted"
#: An answer that arrived after its writer had lost the ledger to another: evidence, without a move.
LATE: Final = "late"

_TABLES: Final = (
    """
    CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        ledger_id TEXT NOT NULL,
        base_url TEXT NOT NULL,
        org_id TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        bulkconn_version TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        began_at INTEGER NOT NULL,
        ended_at INTEGER,
        settings TEXT NOT NULL,
        target TEXT NOT NULL,
        summary TEXT
    )
    """,
    # `sent_*` repeat what the last intent sent: an edited row must be settled as its old self.
    """
    CREATE TABLE rows (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        loose_name TEXT NOT NULL,
        source TEXT NOT NULL,
        platform_cloud TEXT NOT NULL,
        sandbox TEXT NOT NULL,
        auth TEXT NOT NULL,
        connection_spec_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        state TEXT NOT NULL,
        inventory_file TEXT NOT NULL,
        inventory_row INTEGER NOT NULL,
        cells TEXT NOT NULL,
        updated_at INTEGER NOT NULL,
        connection_id TEXT,
        etag TEXT,
        provenance TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        ambiguous INTEGER NOT NULL DEFAULT 0,
        resends INTEGER NOT NULL DEFAULT 0,
        certainly_created INTEGER NOT NULL DEFAULT 0,
        error_code TEXT,
        error_message TEXT,
        request_id TEXT,
        sent_sandbox TEXT,
        sent_name TEXT,
        sent_spec_id TEXT,
        doubt_clock TEXT,
        doubt_s REAL,
        doubted_at INTEGER,
        seen_ids TEXT,
        other_ids TEXT,
        CONSTRAINT finished_row_has_its_id
            CHECK (state NOT IN ('created', 'adopted') OR connection_id IS NOT NULL)
    )
    """,
    # Appended to, never changed: the evidence from which a row's story can be told. `sandbox`, `name`
    # and `connection_spec_id` are as sent, with the intent and with every ambiguous end.
    """
    CREATE TABLE attempts (
        id INTEGER PRIMARY KEY,
        row_id INTEGER NOT NULL REFERENCES rows (id),
        attempt_no INTEGER NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (id),
        fact TEXT NOT NULL,
        at INTEGER NOT NULL,
        sandbox TEXT,
        name TEXT,
        connection_spec_id TEXT,
        status INTEGER,
        error_code TEXT,
        error_message TEXT,
        request_id TEXT,
        connection_id TEXT,
        server_clock_s REAL
    )
    """,
    """
    CREATE TRIGGER attempts_are_never_changed BEFORE UPDATE ON attempts
    BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END
    """,
    """
    CREATE TRIGGER attempts_are_never_deleted BEFORE DELETE ON attempts
    BEGIN SELECT RAISE(ABORT, 'attempts are append-only'); END
    """,
)

# Partial indexes wherever few rows qualify: a full index on a random value costs more than the row.
_INDEXES: Final = (
    # The loose name leads because it tells most; the spec's 36 letters would only swell the index.
    "CREATE INDEX rows_by_name ON rows (loose_name, sandbox)",
    "CREATE INDEX rows_by_connection ON rows (connection_id) WHERE connection_id IS NOT NULL",
    "CREATE INDEX rows_created ON rows (sandbox, updated_at) WHERE state = 'created'",
    "CREATE INDEX rows_in_doubt ON rows (key) WHERE state = 'in_doubt'",
    "CREATE INDEX rows_sending ON rows (id) WHERE state = 'sending'",
    "CREATE INDEX rows_ambiguous ON rows (key) WHERE ambiguous > 0",
    "CREATE INDEX attempts_ambiguous ON attempts (row_id) WHERE fact IN ('in_doubt', 'cut_off')",
)

# Format 2. What the service itself says of a source, in a sandbox of the ledger's target: the JSON Schemas
# of its auth specs and nothing else of its answer. A copy that may be thrown away at any time.
_SPECS: Final = """
    CREATE TABLE specs (
        sandbox TEXT NOT NULL,
        connection_spec_id TEXT NOT NULL,
        read_at INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (sandbox, connection_spec_id)
    ) WITHOUT ROWID
"""

# Format 3. What became of rows after their creation, and at which pace runs went.
_AFTERWARDS: Final = (
    # The newest word of the service on a row's connection; an older one is overwritten. `round` is the run
    # that began the verification: one that was cut off is gone on with.
    """
    CREATE TABLE verifications (
        row_id INTEGER NOT NULL UNIQUE REFERENCES rows (id),
        round INTEGER NOT NULL REFERENCES runs (id),
        run INTEGER NOT NULL REFERENCES runs (id),
        at INTEGER NOT NULL,
        connection_id TEXT NOT NULL,
        verdict TEXT NOT NULL,
        code TEXT,
        message TEXT,
        request_id TEXT
    )
    """,
    # How far a change of credentials has come. `rotation` is the run that began it: one that was cut off is
    # gone on with, and a row that is done in it is not sent again.
    """
    CREATE TABLE rotations (
        row_id INTEGER NOT NULL UNIQUE REFERENCES rows (id),
        rotation INTEGER NOT NULL REFERENCES runs (id),
        run INTEGER NOT NULL REFERENCES runs (id),
        at INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        code TEXT,
        message TEXT,
        request_id TEXT
    )
    """,
    # Written where the pace changes or the gate closes, a few times a second at most.
    """
    CREATE TABLE paces (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (id),
        at INTEGER NOT NULL,
        rate_per_s REAL NOT NULL,
        ceiling_per_s REAL NOT NULL,
        closed_for_s REAL NOT NULL
    )
    """,
    "CREATE INDEX paces_by_run ON paces (run, at)",
)

# Format 4. As what a finished row was taken up once more (`failed 1304-400`, `deleted `), until it is
# created, adopted or held: a retry that was interrupted knows its rows among those that were never sent.
_TAKEN_UP: Final = ("ALTER TABLE rows ADD COLUMN taken_up TEXT",)

#: `MIGRATIONS[n]` leads from format n to n + 1; format 0 is an empty file.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (*_TABLES, *_INDEXES),
    (_SPECS,),
    _AFTERWARDS,
    _TAKEN_UP,
)

#: The first format that has `specs`: an older ledger that is only read has none.
SPECS_SINCE: Final = 2
#: The first format that has `verifications`, `rotations` and `paces`.
AFTERWARDS_SINCE: Final = 3
#: The first format that has `taken_up`.
TAKEN_UP_SINCE: Final = 4

FORMAT_VERSION: Final = len(MIGRATIONS)


def read_version(connection: sqlite3.Connection) -> int:
    """Give the file's format version; 0 if it is empty.

    Raises:
        LedgerError: it is a SQLite file, but no ledger.
    """
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id == APPLICATION_ID and version > 0 and objects > 0:
        return int(version)
    if application_id == 0 and version == 0 and objects == 0:
        return 0
    raise LedgerError(
        "this SQLite file is not a bulkconn ledger",
        fix="give --ledger another path; this file was not touched",
    )


def check_version(version: int, *, newest: int = FORMAT_VERSION) -> None:
    """Refuse a ledger that a newer program wrote.

    Raises:
        LedgerTooNew: its tables may mean what this program cannot know.
    """
    if version > newest:
        raise LedgerTooNew(
            f"the ledger has format {version}, this bulkconn knows up to {newest}",
            fix="install the newer bulkconn that wrote it; older programs must not touch it",
        )


def migrate(connection: sqlite3.Connection, *, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring a ledger, or an empty file, to the newest format in one transaction: all steps or none.

    Repeat: safe; a ledger of the newest format is left alone.

    Raises:
        LedgerError: it is no ledger, or from a newer program (`LedgerTooNew`).
    """
    version = read_version(connection)
    check_version(version, newest=len(migrations))
    if version == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[version:]:
            for statement in step:
                connection.execute(statement)
        # Pragmas take no bound values; both numbers are our own. Both are part of the transaction.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
