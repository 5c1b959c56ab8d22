"""The ledger's word on connections, and rounds that several runs share: over SQLite and PostgreSQL."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey, RunId
from bulkconn.core.verification import Finding, Verdict, Verification
from bulkconn.core.verify_report import CauseGroup
from bulkconn.ledger.queries import EVERY_ROW
from bulkconn.ledger.verifications import read_newest
from tests.fakes.postgres import fresh_schema
from tests.integration.ledger.building import (
    RUN,
    START,
    at,
    created,
    endpoint,
    intent,
    move,
    open_ledger,
    open_postgres_ledger,
    seen,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bulkconn.ledger.stored import StoredLedger

OK = Finding(Verdict.OK)
FAILED = Finding(Verdict.UNREACHABLE, "test_failed", "its test \ud800failed", "r\0")
NAMES = ("a", "b", "c")
SECOND, THIRD = RunId("run-2"), RunId("run-3")


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[StoredLedger]:
    """Open a ledger of a kind with three rows that have a connection and one that has none."""
    with fresh_schema() as url:
        ledger = await (
            open_postgres_ledger(url) if kind == "postgres" else open_ledger(folder / "a.ledger.db")
        )
        try:
            await ledger.begin_run(RUN, START, {"command": "run"})
            await ledger.commit([seen(endpoint(name)) for name in (*NAMES, "d")])
            for name in NAMES[:2]:
                row = endpoint(name)
                await ledger.commit([intent(row), created(row, connection_id=ConnectionId(f"id-{name}"))])
            await ledger.commit([move(endpoint("c"), State.ADOPTED, connection_id=ConnectionId("id-c"))])
            yield ledger
        finally:
            await ledger.close()


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name a kind of ledger."""
    return str(request.param)


def word(name: str, finding: Finding, *, connection: str | None = None, seconds: float = 1) -> Verification:
    """Give the word on a row."""
    connection_id = ConnectionId(connection or f"id-{name}")
    return Verification(EndpointKey(f"prod/postgresql/{name}"), connection_id, at(seconds), finding)


async def names_left(ledger: StoredLedger, round_id: RunId, *, only_failing: bool = False) -> list[str]:
    """Give the names that a round has not come to."""
    left = await ledger.unverified(round_id, only_failing=only_failing, after=None, limit=10)
    assert await ledger.count_unverified(round_id, only_failing=only_failing) == len(left)
    return [record.name for record in left]


async def test_round_has_left_what_bears_no_word_of_it(kind: str, tmp_path: Path) -> None:
    """Rows with a connection are to be verified, in pages by key, until the round has a word on them."""
    async with opened(kind, tmp_path) as ledger:
        assert await names_left(ledger, RUN) == list(NAMES)
        first = await ledger.unverified(RUN, only_failing=False, after=None, limit=2)
        assert [record.name for record in first] == ["a", "b"]
        rest = await ledger.unverified(RUN, only_failing=False, after=first[-1].key, limit=2)
        assert [record.name for record in rest] == ["c"]
        await ledger.begin_run(SECOND, START, {"command": "verify"})
        await ledger.keep_verifications(RUN, SECOND, [word("a", OK), word("b", FAILED), word("x", OK)])
        assert await names_left(ledger, RUN) == ["c"]
        assert await names_left(ledger, SECOND) == list(NAMES)


async def test_connected_are_rows_that_are_created_or_adopted(kind: str, tmp_path: Path) -> None:
    """In pages by key; a row without a connection is not among them."""
    async with opened(kind, tmp_path) as ledger:
        first = await ledger.connected(after=None, limit=2)
        assert [record.name for record in first] == ["a", "b"]
        rest = await ledger.connected(after=first[-1].key, limit=2)
        assert [record.name for record in rest] == ["c"]


async def test_causes_add_a_round_up(kind: str, tmp_path: Path) -> None:
    """Of several words on a row the newest counts; causes come largest first, with a key for example."""
    async with opened(kind, tmp_path) as ledger:
        assert await ledger.causes(RUN) == (dict.fromkeys(Verdict, 0), [])
        missing = Finding(Verdict.MISSING, "not_found", "gone")
        await ledger.keep_verifications(RUN, RUN, [word("a", missing), word("b", FAILED), word("c", FAILED)])
        await ledger.keep_verifications(RUN, RUN, [word("a", OK, seconds=2)])
        counts, groups = await ledger.causes(RUN)
        assert counts == {Verdict.OK: 1, Verdict.UNREACHABLE: 2, Verdict.MISSING: 0, Verdict.CHANGED: 0}
        example = "prod/postgresql/b: its test \\ud800failed"
        assert groups == [CauseGroup(Verdict.UNREACHABLE, "test_failed", 2, example)]
        await ledger.begin_run(SECOND, START, {"command": "verify"})
        await ledger.keep_verifications(SECOND, SECOND, [word("b", OK)])
        assert (await ledger.causes(RUN))[0][Verdict.UNREACHABLE] == 1
        assert (await ledger.causes(SECOND))[0][Verdict.OK] == 1


async def test_newest_words_add_up_whichever_round_brought_them(kind: str, tmp_path: Path) -> None:
    """A report shows what is known now; a word on a connection that a row has no more counts for nothing."""
    async with opened(kind, tmp_path) as ledger:
        assert await ledger.ask(lambda db: read_newest(db, EVERY_ROW, most=9)) is None
        await ledger.keep_verifications(RUN, RUN, [word("a", FAILED), word("b", FAILED, seconds=2)])
        await ledger.begin_run(SECOND, START, {"command": "verify"})
        later = [word("a", OK, seconds=60), word("c", FAILED, connection="id-before", seconds=90)]
        await ledger.keep_verifications(SECOND, SECOND, later)
        found = await ledger.ask(lambda db: read_newest(db, EVERY_ROW, most=9))
        assert found is not None
        assert found.counts == {
            Verdict.OK: 1, Verdict.UNREACHABLE: 1, Verdict.MISSING: 0, Verdict.CHANGED: 0,
        }  # fmt: skip
        assert (found.rows, found.unknown, found.first_at, found.last_at) == (3, 1, at(2), at(60))
        assert [(one.code, one.rows) for one in found.groups] == [("test_failed", 1)]
        mine = await ledger.ask(lambda db: read_newest(db, (" AND key = ?", (endpoint("a").key,)), most=0))
        assert mine is not None
        assert (mine.rows, mine.groups) == (1, ())


async def test_only_failing_are_rows_whose_newest_word_is_not_ok(kind: str, tmp_path: Path) -> None:
    """A row that was never verified is not failing, nor one that has another connection by now."""
    async with opened(kind, tmp_path) as ledger:
        assert await names_left(ledger, RUN, only_failing=True) == []
        found = [word("a", FAILED), word("b", FAILED, connection="id-before"), word("c", OK)]
        await ledger.keep_verifications(RUN, RUN, found)
        await ledger.begin_run(SECOND, START, {"command": "verify"})
        assert await names_left(ledger, SECOND, only_failing=True) == ["a"]
        assert await names_left(ledger, RUN) == ["b"]
        await ledger.keep_verifications(SECOND, SECOND, [word("a", FAILED)])
        assert await names_left(ledger, SECOND, only_failing=True) == []
        assert (await ledger.causes(SECOND))[0][Verdict.UNREACHABLE] == 1


async def test_last_run_of_a_command_is_its_newest(kind: str, tmp_path: Path) -> None:
    """A run that was cut off has no summary; runs of other commands, and texts like it, are passed over."""
    async with opened(kind, tmp_path) as ledger:
        assert await ledger.last_run("verify") is None
        await ledger.begin_run(SECOND, at(5), {"command": "verify", "round": RUN, "only_failing": True})
        await ledger.begin_run(THIRD, at(6), {"command": "settle", "note": '"command":"verify"'})
        last = await ledger.last_run("verify")
        assert last is not None
        assert (last.run_id, last.began_at, dict(last.summary)) == (SECOND, at(5), {})
        assert last.settings == {"command": "verify", "round": RUN, "only_failing": True}
        await ledger.end_run(SECOND, at(7), {"is_complete": True})
        last = await ledger.last_run("verify")
        assert last is not None
        assert last.summary == {"is_complete": True}
