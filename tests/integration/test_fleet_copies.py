"""Copies of inventories that a worker may read and not delete."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import structlog
from structlog.testing import capture_logs

from bulkconn.fleet.copies import drop_copies

if TYPE_CHECKING:
    from pathlib import Path


class Reader:
    """A reader of a ledger whose runs need their inventories, or do not."""

    def __init__(self, *, is_needed: bool) -> None:
        self.is_needed = is_needed

    async def call(self, _work: object) -> bool:
        """Answer what is asked."""
        return self.is_needed


async def dropped(copy: Path, *, is_needed: bool) -> list[Any]:
    """Let a worker end a shard of a run with such a copy; give what it logged."""
    shard: Any = SimpleNamespace(run_id="run-1", settings={"copies": [str(copy)]})
    reader: Any = Reader(is_needed=is_needed)
    with capture_logs() as logs:
        await drop_copies(shard, reader, structlog.get_logger())
    return logs


async def test_copy_that_cannot_be_deleted_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A worker that may only read is no reason to fail."""
    copy = tmp_path / "eu.staged-1.jsonl"
    copy.mkdir()
    assert await dropped(copy, is_needed=True) == []
    (said,) = await dropped(copy, is_needed=False)
    assert (said["event"], said["log_level"], said["copy"]) == ("inventory.copy_left", "warning", str(copy))
    assert said["reason"]
    assert "delete it yourself" in said["fix"]
