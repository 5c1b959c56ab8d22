"""Ledgers of older formats: a real one of each is read as it is, and migrated by the next run."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bulkconn.cli.ledgers import LedgerView
from bulkconn.core.errors import LedgerTooNew
from bulkconn.core.lifecycle import State
from bulkconn.core.names import EndpointKey, LedgerId, RunId
from bulkconn.core.record import Move, PaceNote, TakenUp
from bulkconn.core.service_spec import Place, ServiceSpec
from bulkconn.ledger import queries
from bulkconn.ledger.digest import read_digest
from bulkconn.ledger.export import iter_export
from bulkconn.ledger.opening import open_read_only, open_store
from bulkconn.ledger.schema import FORMAT_VERSION
from tests.integration.ledger.building import START, TARGET, open_ledger

if TYPE_CHECKING:
    from bulkconn.core.record import Target

#: Written by bulkconn 0.1.0: twelve rows that met an emulator's faults, seven of them created.
FORMAT_1 = Path(__file__).parent / "formats" / "format-1.db"
#: Written before there was `taken_up`: a row in every state, one of them put back by a retry, one never sent.
FORMAT_3 = FORMAT_1.with_name("format-3.db")
DIGEST_3 = "a56f91a01e251c4806301296fd82141dcc8ddf7f464c3f43c652e9a5a6ca6ac9"
COUNTS = {State.CREATED: 7, State.ADOPTED: 2, State.FAILED: 1, State.IN_DOUBT: 2}
_EVERYTHING = tuple(f"SELECT * FROM {table}" for table in ("rows", "attempts", "runs", "meta"))  # noqa: S608 - our own names

PLACE = Place("dev", "74a1c565-4e59-48d7-9d67-7c03b8a13137")


def spec(read_at: datetime = START, **auths: object) -> ServiceSpec:
    """Give what the service said of PostgreSQL."""
    return ServiceSpec(PLACE, "1.0", auths or {"Basic": {"type": "object"}}, read_at)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Give a copy of the ledger of format 1."""
    path = tmp_path / "eu.ledger.db"
    shutil.copyfile(FORMAT_1, path)
    return path


def target_of(path: Path) -> Target:
    """Give the target of a ledger."""
    with closing(open_read_only(path)) as store:
        return store.info.target


def test_ledger_of_format_1_that_is_only_read_is_left_as_it_is(old: Path) -> None:
    """`status`, `export` and `plan` read an older ledger: an older program may go on with it."""
    with closing(open_read_only(old)) as store:
        assert store.info.format_version == 1
        counts = store.read(queries.read_summary).counts
        assert {state: rows for state, rows in counts.items() if rows} == COUNTS
        assert len(list(iter_export(store))) == 12
    assert old.read_bytes() == FORMAT_1.read_bytes()


def test_ledger_of_format_1_is_migrated_by_a_run_and_keeps_everything(old: Path) -> None:
    """The rows, attempts and runs of before are the same after, and the new table is there."""
    with closing(sqlite3.connect(FORMAT_1)) as before:
        content = [before.execute(sql).fetchall() for sql in _EVERYTHING]
    target = target_of(old)
    with open_store(old, target, now=START, new_ledger_id=LedgerId("other")) as store:
        assert store.info.format_version == FORMAT_VERSION == 4
        assert store.info.ledger_id == "7741c63c-1d50-4f24-ab47-b54aca43a8c5"
        assert store.read(queries.read_specs) == {}
        store.keep_specs([spec()])
    with closing(open_read_only(old)) as store:
        assert store.read(queries.read_specs) == {PLACE: spec()}
        after = [store.connection.execute(sql).fetchall() for sql in _EVERYTHING]
    # No row was taken up by anybody.
    assert after == [[(*row, None) for row in content[0]], *content[1:]]
    # A second run finds nothing to migrate.
    open_store(old, target, now=START, new_ledger_id=LedgerId("other")).close()


async def test_ledger_of_format_3_is_read_as_it_is_and_migrated_by_a_run(tmp_path: Path) -> None:
    """Nothing tells what an interrupted retry of an older program took up: it is pending like others."""
    path, content = tmp_path / "a.ledger.db", FORMAT_3.read_bytes()
    shutil.copyfile(FORMAT_3, path)
    names = ("put-back", "never-sent", "failed", "sending", "doubt")
    keys = [EndpointKey(f"prod/postgresql/{name}") for name in names]
    with closing(open_read_only(path)) as store:
        assert store.info.format_version == 3
        view = LedgerView(store)
        assert await view.taken_up(keys) == {}
        assert len(await view.records(keys)) == len(await view.standings(keys)) == len(keys)
        assert len(list(iter_export(store))) == 8
        states = [one.state for one in (await view.records(keys)).values()]
        assert store.read(read_digest) == DIGEST_3
    assert path.read_bytes() == content
    ledger = await open_ledger(path)
    try:
        assert ledger.info.format_version == FORMAT_VERSION
        assert [one.state for one in (await ledger.records(keys)).values()] == states
        assert await ledger.taken_up(keys) == {}
        assert await ledger.ask(read_digest) == DIGEST_3
        run_id = RunId("run-2")
        await ledger.begin_run(run_id, START, {})
        await ledger.commit([Move(keys[2], State.PENDING, START, run_id, takes_up=True)])
        assert await ledger.taken_up(keys) == {keys[2]: TakenUp(State.FAILED, "1304-400")}
    finally:
        await ledger.close()


def test_ledger_of_a_newer_format_is_refused_and_left_as_it_is(old: Path) -> None:
    """What a newer program wrote may mean what this one cannot know."""
    target = target_of(old)
    with closing(sqlite3.connect(old)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    content = old.read_bytes()
    with pytest.raises(LedgerTooNew, match="has format 5, this bulkconn knows up to 4"):
        open_store(old, target, now=START, new_ledger_id=LedgerId("other"))
    with pytest.raises(LedgerTooNew, match="has format 5, this bulkconn knows up to 4"):
        open_read_only(old)
    assert old.read_bytes() == content


async def test_paces_come_back_in_the_order_of_time(tmp_path: Path) -> None:
    """At which pace a run went is kept with the run, to the microsecond."""
    ledger = await open_ledger(tmp_path / "o.ledger.db")
    run, other = RunId("r1"), RunId("r2")
    for one in (run, other):
        await ledger.begin_run(one, START, {})
    first = PaceNote(START, 20.0, 20.0)
    second = PaceNote(START + timedelta(microseconds=7), 14.5, 20.0, 2.25)
    await ledger.note_paces(run, [second])
    await ledger.note_paces(run, [first])
    assert await ledger.paces(run) == [first, second]
    assert await ledger.paces(other) == []
    await ledger.close()


async def test_specs_that_are_kept_come_back_and_a_newer_copy_replaces_an_older(tmp_path: Path) -> None:
    """One copy a sandbox and connection spec, with the time at which it was read, to the microsecond."""
    ledger = await open_ledger(tmp_path / "o.ledger.db")
    elsewhere = ServiceSpec(Place("prod", PLACE.connection_spec_id), None, {}, START)
    await ledger.keep_specs([spec(), elsewhere])
    later = spec(datetime(2026, 3, 2, 1, 2, 3, 456_789, tzinfo=UTC), Keys={"$ref": "#/x"}, Odd=["ü", None])
    await ledger.keep_specs([later])
    assert await ledger.specs() == {PLACE: later, elsewhere.place: elsewhere}
    await ledger.close()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"authSpec": 1}', "null"])
async def test_copy_of_a_spec_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    """A copy may be had again, so a spoiled one is no reason to refuse the ledger."""
    path = tmp_path / "o.ledger.db"
    ledger = await open_ledger(path)
    await ledger.keep_specs([spec()])
    await ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE specs SET document = ?", (text,))
        connection.commit()
    with open_store(path, TARGET, now=START, new_ledger_id=LedgerId("L1")) as store:
        assert store.read(queries.read_specs) == {}
        assert store.read(lambda db: queries.read_records(db, [EndpointKey("x")])) == {}
