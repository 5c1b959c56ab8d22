"""The writer's promises: grouped commits, cancellation, order, and the end of all work after a fault."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import IllegalMove, LedgerError
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey, LedgerId, RunId
from bulkconn.core.record import AttemptEnd, DoubtSince
from bulkconn.ledger import queries
from bulkconn.ledger.schema import APPLICATION_ID, FORMAT_VERSION
from bulkconn.ledger.store import SqliteStore
from bulkconn.ledger.writer import StoreThread
from tests.integration.ledger.building import (
    RUN,
    START,
    TARGET,
    HandClock,
    at,
    created,
    doubted,
    endpoint,
    fill,
    intent,
    move,
    open_ledger,
    seen,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from bulkconn.ledger.sql_store import SqlStore
    from bulkconn.ledger.sqlite import SqliteLedger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a ledger to be."""
    return tmp_path / "w.ledger.db"


def connection_of(store: SqlStore) -> sqlite3.Connection:
    """Give the SQLite connection behind a store."""
    assert isinstance(store, SqliteStore)
    return store.connection


async def run_sql(ledger: SqliteLedger, sql: str) -> list[tuple[Any, ...]]:
    """Run SQL in the ledger's own thread."""
    return await ledger._writer.call(lambda store: connection_of(store).execute(sql).fetchall())


async def test_commits_that_wait_together_share_few_transactions(path: Path) -> None:
    """A thousand callers cost a handful of fsyncs, and savepoints only where one of them is refused."""
    ledger = await open_ledger(path)
    rows = [endpoint(f"r{number}") for number in range(1000)]
    await fill(ledger, *rows)
    statements: list[str] = []
    connection = await ledger._writer.call(connection_of)
    connection.set_trace_callback(statements.append)
    await asyncio.gather(*(ledger.commit([intent(row)]) for row in rows))
    connection.set_trace_callback(None)
    assert statements.count("BEGIN IMMEDIATE") == statements.count("COMMIT") <= 10
    assert not [one for one in statements if "SAVEPOINT" in one]
    assert (await ledger.summary()).counts[State.SENDING] == 1000
    await ledger.close()


async def test_move_after_an_intent_looks_at_its_row_no_more(path: Path) -> None:
    """What an intent leaves is known, whoever asks for it; a refused change among others loses nothing."""
    ledger = await open_ledger(path)
    rows = [endpoint(f"r{number}") for number in range(20)]
    await fill(ledger, *rows)
    connection = await ledger._writer.call(connection_of)
    await asyncio.gather(*(ledger.commit([intent(row)]) for row in rows))
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    await asyncio.gather(*(ledger.commit([created(row)]) for row in rows[:10]))
    assert not [one for one in statements if "SELECT" in one]
    results = await asyncio.gather(
        *(ledger.commit([created(row)]) for row in rows[9:]), return_exceptions=True
    )
    connection.set_trace_callback(None)
    assert [type(one) for one in results] == [IllegalMove] + [type(None)] * 10
    assert (await ledger.summary()).counts[State.CREATED] == 20
    await ledger.close()


async def test_illegal_commit_among_others_harms_only_its_caller(path: Path) -> None:
    """Callers share a transaction, not each other's mistakes."""
    ledger = await open_ledger(path)
    rows = [endpoint(f"r{number}") for number in range(20)]
    await fill(ledger, *rows)
    calls = [
        ledger.commit([intent(row), intent(row)] if number % 2 else [intent(row)])
        for number, row in enumerate(rows)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in results] == [type(None), IllegalMove] * 10
    counts = (await ledger.summary()).counts
    assert (counts[State.SENDING], counts[State.PENDING]) == (10, 10)
    await ledger.close()


async def test_commit_cancelled_by_its_caller_is_still_written(path: Path) -> None:
    """What was asked for is written, whether or not anybody waits for the word."""
    ledger = await open_ledger(path)
    rows = [endpoint(f"r{number}") for number in range(50)]
    await fill(ledger, *rows)
    tasks = [asyncio.create_task(ledger.commit([intent(row)])) for row in rows]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert any(isinstance(one, asyncio.CancelledError) for one in results)
    assert (await ledger.summary()).counts[State.SENDING] == 50
    await ledger.close()


async def test_read_after_a_commit_that_is_still_waiting_sees_it(path: Path) -> None:
    """Work is done in the order in which it was asked for."""
    ledger = await open_ledger(path)
    row = endpoint()
    await fill(ledger, row)
    _, records, _, later = await asyncio.gather(
        ledger.commit([intent(row)]),
        ledger.records([row.key]),
        ledger.commit([created(row)]),
        ledger.records([row.key]),
    )
    assert (records[row.key].state, later[row.key].state) == (State.SENDING, State.CREATED)
    await ledger.close()


async def test_ledger_closed_with_work_waiting_finishes_it(path: Path) -> None:
    """Closing drains; later work is refused, closing again is not."""
    ledger = await open_ledger(path)
    rows = [endpoint(f"r{number}") for number in range(100)]
    await fill(ledger, *rows)
    tasks = [asyncio.create_task(ledger.commit([intent(row)])) for row in rows]
    await asyncio.sleep(0)
    await ledger.close()
    await asyncio.gather(*tasks)
    with pytest.raises(LedgerError, match="closed"):
        await ledger.commit([])
    with pytest.raises(LedgerError, match="closed"):
        await ledger.summary()
    await ledger.close()
    again = await open_ledger(path)
    assert (await again.summary()).counts[State.SENDING] == 100
    await again.close()


async def test_call_that_fails_reaches_its_caller_and_nobody_else(path: Path) -> None:
    """A defect in one piece of work does not end the thread."""
    ledger = await open_ledger(path)
    with pytest.raises(ZeroDivisionError):
        await ledger._writer.call(lambda _store: 1 // 0)
    with pytest.raises(TypeError):
        await ledger.begin_run(RUN, START, {"rate": object()})
    assert await ledger.begin_run(RUN, START, {}) == 0
    await ledger.close()


async def test_thread_ended_when_its_loop_is_gone_says_nothing(path: Path) -> None:
    """A program that ends without closing does not hang on the thread."""
    held: list[StoreThread] = []

    async def leave() -> None:
        ledger = await open_ledger(path)
        assert isinstance(ledger._writer, StoreThread)
        held.append(ledger._writer)

    await asyncio.to_thread(asyncio.run, leave())
    assert held[0]._thread.daemon
    held[0]._queue.put(None)
    await asyncio.to_thread(held[0]._thread.join)
    await (await open_ledger(path)).close()


async def test_full_file_stops_all_writing_and_keeps_what_was_acknowledged(path: Path) -> None:
    """SQLite's own limit stands in for a full disk: that commit fails, and so does all that follows."""
    ledger = await open_ledger(path)
    await fill(ledger, *(endpoint(f"r{number}") for number in range(100)))
    (pages,) = (await run_sql(ledger, "PRAGMA page_count"))[0]
    await run_sql(ledger, f"PRAGMA max_page_count = {pages + 2}")
    big = [seen(endpoint(f"big{number}", cells={"x": "y" * 3000})) for number in range(50)]
    with pytest.raises(LedgerError, match="the disk is full") as refused:
        await ledger.commit(big)
    assert "make room" in refused.value.fix
    for work in (ledger.commit([intent(endpoint("r1"))]), ledger.records([endpoint("r1").key])):
        with pytest.raises(LedgerError, match="the disk is full"):
            await work
    await ledger.close()
    again = await open_ledger(path)
    counts = (await again.summary()).counts
    assert (counts[State.PENDING], counts[State.SENDING]) == (100, 0)
    await again.close()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this container may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def make_room(folder: Path) -> None:
    """Let the small file system grow."""
    subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)


async def test_full_disk_stops_all_writing_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """On a real full disk every commit is either acknowledged and there, or refused and absent."""
    with small_disk(tmp_path / "small") as folder:
        path = folder / "w.ledger.db"
        ledger = await open_ledger(path)
        await ledger.begin_run(RUN, START, {})
        acknowledged: list[EndpointKey] = []
        with pytest.raises(LedgerError, match="the disk is full"):  # noqa: PT012 - it must fail somewhere
            for number in range(5000):
                row = endpoint(f"r{number}")
                await ledger.commit([seen(row), intent(row)])
                acknowledged.append(row.key)
        with pytest.raises(LedgerError, match="the disk is full"):
            await ledger.commit([])
        await ledger.close()
        make_room(folder)
        again = await open_ledger(path)
        records = await again.records(acknowledged)
        summary = await again.summary()
        await again.close()
    assert len(acknowledged) > 20
    assert set(records) == set(acknowledged)
    assert summary.counts[State.SENDING] == len(acknowledged)


async def test_new_ledger_on_a_full_disk_is_refused(tmp_path: Path) -> None:
    """Where nothing can be recorded nothing is begun, and no half ledger is left under its name."""
    with small_disk(tmp_path / "small") as folder:
        (folder / "ballast").write_bytes(bytes(1024 * 1024 - 4096))
        path = folder / "w.ledger.db"
        with pytest.raises(LedgerError, match="the disk is full"):
            await open_ledger(path)
        assert not path.exists()


class FailingConnection(sqlite3.Connection):
    """A connection whose COMMIT fails, as on a disk that dies."""

    fails = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Fail at a COMMIT while told so."""
        if self.fails and sql == "COMMIT":
            super().execute(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *values)


def test_commit_of_unknown_fate_breaks_the_ledger() -> None:
    """Also a commit that may have reached the disk is no commit: nothing may be sent on it."""
    connection = sqlite3.connect(":memory:", isolation_level=None, factory=FailingConnection)
    store = SqliteStore(connection)
    store.prepare(TARGET, new_ledger_id=LedgerId("L"), now=START)
    store.begin_run(RUN, START, {}, DoubtSince("b", 0))
    assert store.apply([[seen(endpoint())]]) == [None]
    connection.fails = True
    with pytest.raises(LedgerError, match="disk I/O error"):
        store.apply([[intent(endpoint())]])
    connection.fails = False
    with pytest.raises(LedgerError, match="disk I/O error"):
        store.apply([[intent(endpoint())]])
    with pytest.raises(LedgerError, match="disk I/O error"):
        store.read(queries.read_summary)
    store.close()


def test_store_over_a_given_connection_needs_neither_file_nor_thread() -> None:
    """A simulation brings its own connection, and may copy its content at any moment."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with SqliteStore(connection) as store:
        info = store.prepare(TARGET, new_ledger_id=LedgerId("L"), now=START)
        assert (info.ledger_id, info.format_version, store.name) == ("L", FORMAT_VERSION, ":memory:")
        store.begin_run(RUN, START, {}, DoubtSince("b", 0))
        row = endpoint()
        verdicts = store.apply([[seen(row), intent(row)], [created(endpoint("ghost"))], []])
        assert [type(one) for one in verdicts] == [type(None), IllegalMove, type(None)]
        assert store.read(lambda db: queries.read_records(db, [row.key]))[row.key].state is State.SENDING


@pytest.mark.parametrize("sql", ["UPDATE attempts SET fact = 'created'", "DELETE FROM attempts"])
async def test_attempts_once_written_cannot_be_changed(path: Path, sql: str) -> None:
    """The table of attempts is evidence: the file itself refuses any change of it."""
    ledger = await open_ledger(path)
    await fill(ledger, endpoint())
    await ledger.commit([intent(endpoint())])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        await run_sql(ledger, sql)
    await ledger.close()


async def test_attempts_tell_the_whole_story_of_a_row(path: Path) -> None:
    """Each fact is one line: what was sent, how it ended, what the service said."""
    ledger = await open_ledger(path)
    row = endpoint()
    await fill(ledger, row)
    await ledger.commit([intent(row, 1, server_clock_s=-0.25)])
    await ledger.commit([doubted(row, 2, status=504)])
    await ledger.commit([move(row, State.PENDING, 200), intent(row, 200, is_resend=True)])
    await ledger.begin_run(RunId("run-2"), at(300), {})
    await ledger.commit([move(row, State.PENDING, 600), intent(row, 600, run_id=RunId("run-2"))])
    await ledger.commit([created(row, 601, run_id=RunId("run-2"))])
    story = await run_sql(
        ledger,
        "SELECT attempt_no, run_id, fact, name, status, error_code, a.connection_id, server_clock_s "
        "FROM attempts a JOIN runs ON runs.id = run ORDER BY a.id",
    )
    await ledger.close()
    assert story == [
        (1, "run-1", "intent", "sales", None, None, None, -0.25),
        (1, "run-1", "in_doubt", "sales", 504, "timeout", None, None),
        (2, "run-1", "intent", "sales", None, None, None, None),
        (2, "run-2", "cut_off", "sales", None, None, None, None),
        (3, "run-2", "intent", "sales", None, None, None, None),
        (3, "run-2", "created", None, 201, None, "id-sales", None),
    ]


async def test_text_that_is_no_unicode_is_kept_as_escapes(path: Path) -> None:
    """A gateway may answer half a surrogate pair: the outcome is written all the same."""
    ledger = await open_ledger(path)
    row = endpoint()
    await fill(ledger, row)
    await ledger.commit([intent(row)])
    odd = "caf\u00e9 \ud83d!"
    await ledger.commit(
        [
            move(
                row,
                State.FAILED,
                error_code=odd,
                error_message=odd,
                request_id=odd,
                etag=odd,
                other_ids=(ConnectionId(odd),),
                attempt_end=AttemptEnd.REJECTED,
            )
        ]
    )
    record = (await ledger.records([row.key]))[row.key]
    assert (record.error_message, record.other_ids) == ("caf\u00e9 \\ud83d!", (odd,))
    with pytest.raises(IllegalMove, match="refuse"):
        await ledger.commit([seen(endpoint(odd))])
    await ledger.close()


async def test_settings_and_summary_of_runs_are_kept(path: Path) -> None:
    """A ledger knows its runs, with their settings, target and end."""
    ledger = await open_ledger(path, HandClock())
    await ledger.begin_run(RUN, START, {"rate": 10})
    await ledger.end_run(RUN, at(5), {"created": 0})
    rows = await run_sql(ledger, "SELECT run_id, settings, target, summary, ended_at - began_at FROM runs")
    await ledger.close()
    target = f'{{"base_url":"{TARGET.base_url}","org_id":"{TARGET.org_id}"}}'
    assert rows == [("run-1", '{"rate":10}', target, '{"created":0}', 5_000_000)]


async def test_file_is_marked_as_ours_and_durable(path: Path) -> None:
    """The header says whose file it is; the connection syncs every commit."""
    ledger = await open_ledger(path)
    facts = [
        (await run_sql(ledger, f"PRAGMA {name}"))[0][0]
        for name in ("application_id", "user_version", "journal_mode", "synchronous", "foreign_keys")
    ]
    await ledger.close()
    assert facts == [APPLICATION_ID, FORMAT_VERSION, "wal", 2, 1]
