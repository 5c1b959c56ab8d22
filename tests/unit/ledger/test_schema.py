"""Formats: a new file, an older one, a newer one, and a migration that fails halfway."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import LedgerTooNew
from bulkconn.ledger.schema import FORMAT_VERSION, MIGRATIONS, migrate, read_version

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDER = ("CREATE TABLE rows (key TEXT)", "INSERT INTO rows VALUES ('kept')")
NEWER = ("ALTER TABLE rows ADD COLUMN extra TEXT DEFAULT 'new'",)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Give an empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        yield opened


def test_empty_file_becomes_a_ledger_of_the_newest_format(connection: sqlite3.Connection) -> None:
    """All steps are taken, once."""
    assert read_version(connection) == 0
    migrate(connection)
    migrate(connection)
    assert read_version(connection) == FORMAT_VERSION == len(MIGRATIONS)


def test_older_ledger_is_migrated_and_keeps_its_rows(connection: sqlite3.Connection) -> None:
    """Only the missing steps are taken."""
    migrate(connection, migrations=(OLDER,))
    migrate(connection, migrations=(OLDER, NEWER))
    assert read_version(connection) == 2
    assert connection.execute("SELECT * FROM rows").fetchall() == [("kept", "new")]


def test_migration_that_fails_halfway_leaves_the_older_ledger(connection: sqlite3.Connection) -> None:
    """All steps or none: an older program can still read what is left."""
    migrate(connection, migrations=(OLDER,))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        migrate(connection, migrations=(OLDER, (*NEWER, "INSERT INTO nowhere VALUES (1)")))
    assert read_version(connection) == 1
    assert connection.execute("SELECT * FROM rows").fetchall() == [("kept",)]


def test_newer_ledger_is_left_alone(connection: sqlite3.Connection) -> None:
    """What a newer program wrote is neither read nor written."""
    migrate(connection, migrations=(OLDER, NEWER))
    with pytest.raises(LedgerTooNew, match="format 2, this bulkconn knows up to 1"):
        migrate(connection, migrations=(OLDER,))
