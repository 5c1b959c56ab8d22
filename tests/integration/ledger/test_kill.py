"""SIGKILL at any moment: whatever was acknowledged is there, and the next process can go on."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from bulkconn.core.errors import LedgerLocked
from bulkconn.core.lifecycle import State
from bulkconn.core.names import EndpointKey, RunId
from bulkconn.ledger import queries
from bulkconn.ledger.opening import open_read_only
from tests.integration.ledger.building import at, open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@contextmanager
def writing_process(ledger: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start a process that writes without end, wait until it holds the ledger; kill it in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.ledger.endless_writer", str(ledger)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "open -\n"
        yield process, process.stdout
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def acknowledged(lines: IO[str]) -> dict[EndpointKey, str]:
    """Give what the process said was durable: the newest word on each key. A torn last line is none."""
    said: dict[EndpointKey, str] = {}
    for line in lines:
        if line.endswith("\n"):
            key, connection_id = line.split()
            said[EndpointKey(key)] = connection_id
    return said


async def test_process_killed_while_committing_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Ten processes, one after the other, are killed in the act; every acknowledged commit is there."""
    path = tmp_path / "k.ledger.db"
    dice = random.Random(7)
    said: dict[EndpointKey, str] = {}
    for turn in range(10):
        with writing_process(path) as (process, lines):
            await asyncio.sleep(dice.uniform(0.0, 0.15))
            process.kill()
            said |= acknowledged(lines)
        ledger = await open_ledger(path)
        try:
            await ledger.begin_run(RunId(f"after-{turn}"), at(turn), {})
            records = await ledger.records(list(said))
            summary = await ledger.summary()
        finally:
            await ledger.close()
        assert set(records) == set(said)
        for key, connection_id in said.items():
            record = records[key]
            # An id that was not acknowledged may be there too: it was durable before the word was out.
            if connection_id != "-":
                assert (record.state, record.connection_id) == (State.CREATED, connection_id)
            else:
                assert record.state in {State.CREATED, State.IN_DOUBT}
        assert summary.counts[State.SENDING] == 0
    assert sum(connection_id != "-" for connection_id in said.values()) > 100


async def test_ledger_held_by_another_process_is_refused_until_that_is_killed(tmp_path: Path) -> None:
    """The second process learns who holds the ledger; a killed holder holds nothing."""
    path = tmp_path / "k.ledger.db"
    with writing_process(path) as (process, _lines):
        with pytest.raises(LedgerLocked, match=rf"in use by process {process.pid} on \S+ since 2026-03-01"):
            await open_ledger(path)
        link = tmp_path / "other-name.ledger.db"
        link.symlink_to(path)
        with pytest.raises(LedgerLocked):
            await open_ledger(link)
    await (await open_ledger(path)).close()


async def test_ledger_read_while_a_process_writes_shows_whole_commits(tmp_path: Path) -> None:
    """`status` and `export` read along with a run, and after its death, without disturbing it."""
    path = tmp_path / "k.ledger.db"
    with writing_process(path) as (process, lines):
        await asyncio.sleep(0.1)
        with open_read_only(path) as store, store.snapshot():
            first = store.read(queries.read_summary)
            await asyncio.sleep(0.1)
            assert store.read(queries.read_summary) == first
        process.kill()
        said = acknowledged(lines)
    with open_read_only(path) as store:
        records = store.read(lambda db: queries.read_records(db, list(said)))
    assert set(records) == set(said)
    assert sum(first.counts.values()) > 0
