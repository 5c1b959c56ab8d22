"""The lock beside a ledger: held by one, let go by any end."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import LedgerError, LedgerLocked
from bulkconn.ledger.lock import LedgerLock

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_lock_held_is_refused_to_others_and_says_by_whom(tmp_path: Path) -> None:
    """The second comer learns process, host and time."""
    path = tmp_path / "a.ledger.db"
    held = LedgerLock(path, now=NOW)
    with pytest.raises(LedgerLocked, match=rf"process {os.getpid()} on \S+ since 2026-03-01 12:30:00 UTC"):
        LedgerLock(path, now=NOW)
    held.release()
    held.release()
    LedgerLock(path, now=NOW).release()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"process 1 on elsewhere since long ago\n" * 40, id="stale and longer"),
        pytest.param(b"\xff\x1b[31m\x00", id="noise"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_stale_text_in_the_lock_file_decides_nothing(tmp_path: Path, text: bytes) -> None:
    """Who wrote there and died holds nothing; his text is replaced whole."""
    file = tmp_path / "a.ledger.db.lock"
    file.write_bytes(text)
    held = LedgerLock(tmp_path / "a.ledger.db", now=NOW)
    assert file.read_text().startswith(f"process {os.getpid()} on ")
    assert file.read_text().count("\n") == 1
    file.write_bytes(text)
    with pytest.raises(LedgerLocked) as refused:
        LedgerLock(tmp_path / "a.ledger.db", now=NOW)
    assert str(refused.value).isprintable()
    held.release()


def test_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """Nobody makes us overwrite a file of theirs through a link."""
    (tmp_path / "a.ledger.db.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(LedgerError, match="cannot make the lock file"):
        LedgerLock(tmp_path / "a.ledger.db", now=NOW)
    assert not (tmp_path / "victim").exists()
