"""The copy of an inventory from elsewhere: where it lies, who sees it, and what ends its making."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.core.location import parse_location
from bulkconn.inventory import fetching
from bulkconn.inventory.fetching import apart, fetch_inventory
from bulkconn.inventory.inventory import Inventory
from tests.fakes.file_server import FileServer
from tests.integration.inventory.reading import CSV, names_at, network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Serve an inventory."""
    with FileServer({"/eu.csv": CSV}) as running:
        yield running


def test_copy_is_nobody_elses_and_leaves_nothing(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unlinked from the start, and of mode 0600 even so."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with fetch_inventory(parse_location(f"{server.url}/eu.csv"), network()) as copy:
        facts = os.fstat(copy.fileno())
        assert (facts.st_nlink, stat.S_IMODE(facts.st_mode)) == (0, 0o600)
        assert not list(tmp_path.iterdir())
        copy.seek(0)
        assert copy.read() == CSV


async def test_copy_may_be_made_while_a_loop_runs(server: FileServer) -> None:
    """The loop of the caller is not needed, and not in the way."""
    assert names_at(f"{server.url}/eu.csv") == ["one", "two"]


def test_copy_onto_a_full_disk_says_so(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room is the user's to mend, and is named."""

    class Full(io.BytesIO):
        """A file on a disk without room."""

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetching, "new_spool", Full)
    with pytest.raises(UsageError, match=r"the inventory cannot be copied to .*: No space left") as refused:
        fetch_inventory(parse_location(f"{server.url}/eu.csv"), network())
    assert "TMPDIR" in refused.value.fix


def test_work_apart_gives_its_result_and_its_error() -> None:
    """A coroutine comes to the same end as if it were awaited."""

    async def give(value: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    assert apart(give(7)) == 7
    with pytest.raises(KeyError):
        apart(give(KeyError("a")))


def test_work_apart_is_cancelled_when_its_waiter_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a signal raises in the main thread ends the work, and nothing runs on."""
    began, ended = threading.Event(), threading.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    class Interrupting:
        """Stands for a future whose waiter is interrupted once the work is under way."""

        def __init__(self, future: Any) -> None:
            self._future = future

        def result(self) -> None:
            assert began.wait(10)
            raise KeyboardInterrupt

    submit = ThreadPoolExecutor.submit
    monkeypatch.setattr(ThreadPoolExecutor, "submit", lambda self, work: Interrupting(submit(self, work)))
    with pytest.raises(KeyboardInterrupt):
        apart(work())
    assert ended.is_set()


def test_files_opened_before_one_that_cannot_be_fetched_are_closed(server: FileServer) -> None:
    """An error leaves no copy behind; the test run would complain of an open file."""
    with pytest.raises(UsageError, match="no such file"):
        Inventory.open([f"{server.url}/eu.csv", f"{server.url}/us.csv"], network=network())
