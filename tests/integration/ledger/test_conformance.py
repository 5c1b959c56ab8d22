"""What every ledger does, whatever it is made of: one suite over all implementations."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import IllegalMove
from bulkconn.core.lifecycle import MOVES, State
from bulkconn.core.names import ConnectionId, EndpointKey, RunId
from bulkconn.core.record import (
    AttemptEnd,
    DoubtSince,
    ErrorGroup,
    LedgerRecord,
    NameConflict,
    Note,
    Provenance,
    RowStanding,
    SentAs,
    TakenUp,
    Watch,
)
from bulkconn.core.source import PlatformCloud
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.postgres import fresh_schema
from tests.integration.ledger.building import (
    RUN,
    SPEC,
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
    open_postgres_ledger,
    seen,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from typing import Protocol

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.protocols import Ledger
    from bulkconn.core.record import Change

    class OpenLedger(Protocol):
        """Opens a fresh ledger of one kind; closed at the end of the `with`."""

        def __call__(self, clock: HandClock | None = None) -> AbstractAsyncContextManager[Ledger]:
            """Open it."""
            ...


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> OpenLedger:
    """Give the way to open a fresh ledger of each kind."""

    @asynccontextmanager
    async def sqlite(clock: HandClock | None = None) -> AsyncIterator[Ledger]:
        ledger = await open_ledger(tmp_path / "a.ledger.db", clock)
        try:
            yield ledger
        finally:
            await ledger.close()

    @asynccontextmanager
    async def memory(clock: HandClock | None = None) -> AsyncIterator[Ledger]:
        yield MemoryLedger(clock or HandClock(), target=TARGET)

    @asynccontextmanager
    async def postgres(clock: HandClock | None = None) -> AsyncIterator[Ledger]:
        with fresh_schema() as url:
            ledger = await open_postgres_ledger(url, clock)
            try:
                yield ledger
            finally:
                await ledger.close()

    return {"sqlite": sqlite, "memory": memory, "postgres": postgres}[request.param]


async def read(ledger: Ledger, row: Endpoint) -> LedgerRecord:
    """Give the one record of a row."""
    return (await ledger.records([row.key]))[row.key]


async def bring_to(ledger: Ledger, row: Endpoint, state: State) -> None:
    """Lead a pending row to a state by a legal way."""
    ways: dict[State, list[Change]] = {
        State.PENDING: [],
        State.SENDING: [intent(row)],
        State.IN_DOUBT: [intent(row), doubted(row)],
        State.CREATED: [intent(row), created(row)],
        State.ADOPTED: [move(row, State.ADOPTED, connection_id=ConnectionId("old"))],
        State.FAILED: [move(row, State.FAILED)],
        State.HELD: [move(row, State.HELD)],
        State.DELETED: [intent(row), created(row), move(row, State.DELETED)],
    }
    await ledger.commit(ways[state])


async def test_deleted_row_keeps_its_id_as_one_that_it_will_never_make(fresh: OpenLedger) -> None:
    """A deleted row tells what it had; once it leaves that state, the id is only remembered as seen."""
    row = endpoint()
    gone, twin = ConnectionId("c-1"), ConnectionId("c-2")
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row), created(row, connection_id=gone, provenance=Provenance.REPLY)])
        await ledger.commit([move(row, State.DELETED, deleted_ids=(gone, twin), other_ids=())])
        deleted = await read(ledger, row)
        summary = await ledger.summary()
        await ledger.commit([move(row, State.PENDING, takes_up=True)])
        again = await read(ledger, row)
        await ledger.commit([intent(row, seen_ids=again.seen_ids), created(row, connection_id=twin)])
        anew = await read(ledger, row)
    assert (deleted.state, deleted.connection_id, deleted.seen_ids) == (State.DELETED, gone, (gone, twin))
    assert summary.counts[State.DELETED] == 1
    assert (again.state, again.connection_id, again.etag, again.provenance) == (
        State.PENDING,
        None,
        None,
        None,
    )
    assert (again.certainly_created, again.seen_ids) == (False, (gone, twin))
    assert (anew.connection_id, anew.other_ids, anew.attempts) == (twin, (), 2)


async def test_row_that_was_certainly_created_is_not_so_any_more_once_deleted(fresh: OpenLedger) -> None:
    """A later POST of it has to be told from the one whose connection is gone."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit(
            [intent(row), doubted(row, certainly_created=True), created(row, attempt_end=None)]
        )
        before = await read(ledger, row)
        await ledger.commit([move(row, State.DELETED), move(row, State.PENDING)])
        after = await read(ledger, row)
    assert (before.certainly_created, after.certainly_created) == (True, False)
    assert after.ambiguous == before.ambiguous == 1


async def test_row_seen_first_is_pending_with_its_content(fresh: OpenLedger) -> None:
    """A row enters the ledger as pending, with all that the inventory says of it."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        record = await read(ledger, row)
    assert record == LedgerRecord(
        key=row.key,
        name="sales",
        source="postgresql",
        platform_cloud=PlatformCloud.AZURE,
        sandbox="prod",
        auth="basic",
        connection_spec_id=SPEC,
        fingerprint="f1",
        state=State.PENDING,
        inventory_file="inventories/eu.csv",
        inventory_row=2,
        updated_at=START,
        cells={"server": "db.test", "password": "env://PG_PASSWORD", "x_owner": "Zoë"},
    )
    assert list(record.cells) == ["server", "password", "x_owner"]


async def test_row_created_keeps_what_was_sent_and_what_came_back(fresh: OpenLedger) -> None:
    """An intent and its 201 leave attempt, identity as sent, ids seen before, id and etag."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row, seen_ids=(ConnectionId("stranger"),), server_clock_s=-0.5)])
        sending = await read(ledger, row)
        await ledger.commit([created(row)])
        record = await read(ledger, row)
    assert (sending.state, sending.attempts, sending.updated_at) == (State.SENDING, 1, at(1))
    assert record.sent_as == SentAs("prod", "sales", SPEC)
    assert record.seen_ids == ("stranger",)
    assert (record.state, record.connection_id, record.etag) == (State.CREATED, "id-sales", '"e1"')
    assert (record.provenance, record.request_id) == (Provenance.REPLY, "req-1")
    assert (record.attempts, record.ambiguous, record.resends) == (1, 0, 0)
    assert record.updated_at == at(2)


@pytest.mark.parametrize("source", State, ids=str)
@pytest.mark.parametrize("target", State, ids=str)
async def test_move_between_any_two_states_obeys_the_table(
    fresh: OpenLedger, source: State, target: State
) -> None:
    """The table of moves decides, and a refused move changes nothing."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await bring_to(ledger, row, source)
        before = await read(ledger, row)
        asked = move(row, target, seconds=9, connection_id=ConnectionId("new"))
        if target in MOVES[source]:
            await ledger.commit([asked])
            assert (await read(ledger, row)).state is target
        else:
            with pytest.raises(IllegalMove, match=f"from {source} to {target}"):
                await ledger.commit([asked])
            assert await read(ledger, row) == before


@pytest.mark.parametrize("state", [state for state in State if state is not State.PENDING], ids=str)
async def test_intent_for_a_row_that_is_not_pending_is_refused(fresh: OpenLedger, state: State) -> None:
    """Nothing is sent for a row in any other state."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await bring_to(ledger, row, state)
        with pytest.raises(IllegalMove):
            await ledger.commit([intent(row, 9)])


async def test_commit_with_one_illegal_change_writes_none_of_it(fresh: OpenLedger) -> None:
    """A caller's changes are all in or all out."""
    one, two = endpoint("one"), endpoint("two")
    async with fresh() as ledger:
        await fill(ledger, one, two)
        before = await ledger.records([one.key, two.key])
        with pytest.raises(IllegalMove):
            await ledger.commit([seen(endpoint("three")), intent(one), created(two)])
        assert await ledger.records([one.key, two.key, EndpointKey("prod/postgresql/three")]) == before


async def test_changes_of_many_rows_in_one_commit_are_as_one_after_the_other(fresh: OpenLedger) -> None:
    """However a group is written, each row has gone through its own changes in their order."""
    rows = [endpoint(f"r{number}") for number in range(100)]
    first, doubtful, failed, edited, other = rows[:5]
    changes: list[Change] = [seen(row) for row in rows]
    changes += [intent(row) for row in rows[:80]]
    changes += [created(first), doubted(doubtful), *map(created, rows[5:70])]
    changes += [Note(doubtful.key, at(3), error_code="looked_up"), move(doubtful, State.PENDING, 4)]
    changes += [intent(doubtful, 5, is_resend=True, seen_ids=(ConnectionId("s1"),)), created(doubtful, 6)]
    changes += [move(failed, State.FAILED, attempt_end=AttemptEnd.REJECTED, error_code="1100")]
    changes += [move(edited, State.PENDING, attempt_end=AttemptEnd.NOT_PROCESSED)]
    changes += [
        seen(endpoint("r3", fingerprint="f2", row=9), 7),
        seen(endpoint("r0", auth="other", row=8), 7),
    ]
    changes += [intent(edited, 8, fingerprint="f2"), created(edited, 9, etag=None, request_id=None)]
    changes += [created(other), move(other, State.HELD, other_ids=(ConnectionId("twin"),))]
    one_by_one = MemoryLedger(HandClock(), target=TARGET)
    await fill(one_by_one)
    for change in changes:
        await one_by_one.commit([change])
    async with fresh() as ledger:
        await fill(ledger)
        await ledger.commit(changes)
        found = await ledger.records([row.key for row in rows])
    assert found == await one_by_one.records([row.key for row in rows])


async def test_created_row_whose_other_id_was_known_keeps_both(fresh: OpenLedger) -> None:
    """An id that a row had before it was sent again stays among those in question."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([move(row, State.HELD, connection_id=ConnectionId("before"))])
        await ledger.commit([move(row, State.PENDING, 3), intent(row, 4)])
        await ledger.commit([created(row, 5)])
        record = await read(ledger, row)
    assert (record.connection_id, record.other_ids) == ("id-sales", ("before",))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(intent(endpoint("ghost")), id="intent"),
        pytest.param(created(endpoint("ghost")), id="move"),
        pytest.param(Note(EndpointKey("ghost"), START), id="note"),
        pytest.param(intent(endpoint("sales"), run_id=RunId("ghost")), id="intent of an unknown run"),
    ],
)
async def test_change_of_something_unknown_is_refused(fresh: OpenLedger, change: Change) -> None:
    """A change names a row and a run that the ledger has."""
    async with fresh() as ledger:
        await fill(ledger, endpoint("sales"))
        with pytest.raises(IllegalMove, match="ghost"):
            await ledger.commit([change])


@pytest.mark.parametrize("state", [State.CREATED, State.ADOPTED], ids=str)
async def test_move_to_a_finished_state_without_an_id_is_refused(fresh: OpenLedger, state: State) -> None:
    """No row is finished without the id of its connection."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        if state is State.CREATED:
            await ledger.commit([intent(row)])
        with pytest.raises(IllegalMove):
            await ledger.commit([move(row, state)])


async def test_ambiguous_end_without_its_time_is_refused(fresh: OpenLedger) -> None:
    """The grace counts from the end of the attempt, so a doubt must say when that was."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row)])
        with pytest.raises(IllegalMove, match="when it ended"):
            await ledger.commit([doubted(row, doubt_since=None)])


async def test_end_of_an_attempt_that_never_began_is_refused(fresh: OpenLedger) -> None:
    """Only what had an intent can end."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        with pytest.raises(IllegalMove, match="never had an intent"):
            await ledger.commit([move(row, State.FAILED, attempt_end=AttemptEnd.REJECTED)])


async def test_doubt_settled_by_lookup_keeps_the_ambiguous_attempt(fresh: OpenLedger) -> None:
    """A doubt counts as ambiguous for ever; finding the connection clears the error columns."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row)])
        await ledger.commit([doubted(row, certainly_created=True)])
        in_doubt = await read(ledger, row)
        found = move(row, State.CREATED, 9, connection_id=ConnectionId("c1"), provenance=Provenance.LOOKUP)
        await ledger.commit([found])
        record = await read(ledger, row)
    assert (in_doubt.error_code, in_doubt.doubt_since) == ("timeout", DoubtSince("boot-1", 2))
    assert (record.state, record.ambiguous, record.provenance) == (State.CREATED, 1, Provenance.LOOKUP)
    assert (record.error_code, record.error_message) == (None, None)
    assert record.certainly_created


async def test_resend_in_one_commit_counts_attempt_and_resend(fresh: OpenLedger) -> None:
    """In doubt → pending → sending may be one commit; the ids seen before are what the intent says."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row, seen_ids=(ConnectionId("s1"),))])
        await ledger.commit([doubted(row)])
        again = intent(row, 200, is_resend=True, seen_ids=(ConnectionId("s2"),))
        await ledger.commit([move(row, State.PENDING, 200), again])
        record = await read(ledger, row)
    assert (record.state, record.attempts, record.resends) == (State.SENDING, 2, 1)
    assert record.seen_ids == ("s2",)


async def test_retry_of_a_failed_row_zeroes_its_resends_only(fresh: OpenLedger) -> None:
    """`takes_up` gives a row its resends back; attempts are history and stay."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row, is_resend=True)])
        await ledger.commit([move(row, State.FAILED, attempt_end=AttemptEnd.REJECTED, error_code="1100")])
        await ledger.commit([move(row, State.PENDING, 3, takes_up=True)])
        record = await read(ledger, row)
    assert (record.state, record.attempts, record.resends) == (State.PENDING, 1, 0)
    assert record.error_code is None


async def test_row_taken_up_bears_as_what_it_was_finished_until_it_is_unfinished_no_more(
    fresh: OpenLedger,
) -> None:
    """What a retry took up is told from what was never sent, through doubts, runs and a second failure."""
    row, other, plain = endpoint("one"), endpoint("other"), endpoint("plain")
    keys = [row.key, other.key, plain.key, EndpointKey("prod/postgresql/unknown")]
    as_failed, as_deleted = TakenUp(State.FAILED, "1304-400"), TakenUp(State.DELETED)
    refused = move(row, State.FAILED, attempt_end=AttemptEnd.REJECTED, error_code="1304-400")
    async with fresh() as ledger:
        await fill(ledger, row, other, plain)
        await ledger.commit([intent(row), refused])
        await ledger.commit([intent(other), created(other)])
        await ledger.commit([move(other, State.DELETED, deleted_ids=(ConnectionId("id-other"),))])
        assert await ledger.taken_up(keys) == {}
        await ledger.commit([move(row, State.PENDING, 3, takes_up=True), seen(row, 3)])
        await ledger.commit([move(other, State.PENDING, 3, takes_up=True)])
        assert await ledger.taken_up(keys) == {row.key: as_failed, other.key: as_deleted}
        await ledger.commit([intent(row, 4)])
        await ledger.begin_run(RunId("run-2"), at(5), {})
        assert (await read(ledger, row)).state is State.IN_DOUBT
        await ledger.commit([move(row, State.PENDING, 200), intent(row, 200)])
        assert await ledger.taken_up(keys) == {row.key: as_failed, other.key: as_deleted}
        await ledger.commit([move(row, State.FAILED, 201, attempt_end=AttemptEnd.REJECTED, error_code="x")])
        assert await ledger.taken_up(keys) == {other.key: as_deleted}
        # Put back as one of many that failed alike: it is still the retry's.
        await ledger.commit([move(row, State.PENDING, 202, error_code="same_fault")])
        assert await ledger.taken_up([row.key]) == {row.key: as_failed}


@pytest.mark.parametrize("end", [State.CREATED, State.ADOPTED, State.HELD], ids=str)
async def test_row_taken_up_that_is_finished_again_is_like_any_other(fresh: OpenLedger, end: State) -> None:
    """What comes back to pending from there is nothing that a retry asked for."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([move(row, State.FAILED, error_code="secret_denied")])
        await ledger.commit([move(row, State.PENDING, 3, takes_up=True)])
        if end is State.CREATED:
            await ledger.commit([intent(row, 4), created(row, 5), move(row, State.HELD, 6)])
        else:
            await ledger.commit([move(row, end, 4, connection_id=ConnectionId("a"))])
        if end is not State.ADOPTED:
            await ledger.commit([move(row, State.PENDING, 7)])
        assert await ledger.taken_up([row.key]) == {}


async def test_id_replaced_by_another_stays_in_question(fresh: OpenLedger) -> None:
    """The ledger never forgets an id, also where a later move brings another."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row), created(row, connection_id=ConnectionId("first"))])
        twin = move(
            row,
            State.HELD,
            connection_id=ConnectionId("second"),
            other_ids=(ConnectionId("third"),),
        )
        await ledger.commit([twin])
        record = await read(ledger, row)
    assert (record.connection_id, record.other_ids) == ("second", ("third", "first"))


async def test_ids_in_question_given_empty_are_cleared(fresh: OpenLedger) -> None:
    """None leaves the ids in question as they are; an empty tuple says that there are none."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([move(row, State.HELD, other_ids=(ConnectionId("b"), ConnectionId("a")))])
        held = await read(ledger, row)
        await ledger.commit([move(row, State.PENDING, 3)])
        kept = await read(ledger, row)
        await ledger.commit([Note(row.key, at(4), other_ids=())])
        cleared = await read(ledger, row)
    assert (held.other_ids, kept.other_ids, cleared.other_ids) == (("b", "a"), ("b", "a"), ())


async def test_note_changes_only_what_it_gives(fresh: OpenLedger) -> None:
    """A note brings news and never a state."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row), doubted(row)])
        await ledger.commit([Note(row.key, at(5), doubt_since=DoubtSince("boot-2", 0.5))])
        restarted = await read(ledger, row)
        await ledger.commit([Note(row.key, at(6), error_code="not_found_yet", error_message="looked twice")])
        looked = await read(ledger, row)
    assert (restarted.state, restarted.error_code) == (State.IN_DOUBT, "timeout")
    assert restarted.doubt_since == DoubtSince("boot-2", 0.5)
    assert (looked.state, looked.error_code, looked.error_message) == (
        *(State.IN_DOUBT, "not_found_yet", "looked twice"),
    )
    assert (looked.doubt_since, looked.updated_at) == (DoubtSince("boot-2", 0.5), at(6))


@pytest.mark.parametrize("state", State, ids=str)
async def test_row_edited_in_the_inventory_is_refreshed_only_while_unsent(
    fresh: OpenLedger, state: State
) -> None:
    """Content follows the inventory until something was sent under it; the place always follows."""
    row = endpoint()
    edited = endpoint(
        "Sales 2", key=row.key, sandbox="dev", fingerprint="f2", cells={"server": "new"}, file="b.csv", row=9
    )
    async with fresh() as ledger:
        await fill(ledger, row)
        await bring_to(ledger, row, state)
        before = await read(ledger, row)
        await ledger.commit([seen(edited, 50)])
        record = await read(ledger, row)
    assert (record.inventory_file, record.inventory_row) == ("b.csv", 9)
    assert record.state is state
    if state in {State.PENDING, State.FAILED, State.HELD}:
        assert (record.name, record.sandbox, record.fingerprint) == ("Sales 2", "dev", "f2")
        assert (record.cells, record.updated_at) == ({"server": "new"}, at(50))
    else:
        assert (record.name, record.sandbox, record.fingerprint) == ("sales", "prod", "f1")
        assert (record.cells, record.updated_at) == (before.cells, before.updated_at)


async def test_failed_row_that_was_sent_is_refreshed_once_it_is_pending_again(fresh: OpenLedger) -> None:
    """A refused row keeps what was refused until the user asks for another try."""
    row = endpoint()
    edited = endpoint("sales", cells={"server": "new"}, fingerprint="f2")
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row), move(row, State.FAILED, attempt_end=AttemptEnd.REJECTED)])
        await ledger.commit([seen(edited, 50)])
        refused = await read(ledger, row)
        await ledger.commit([move(row, State.PENDING, 51, takes_up=True), seen(edited, 51)])
        record = await read(ledger, row)
    assert (refused.fingerprint, record.fingerprint) == ("f1", "f2")
    assert record.cells == {"server": "new"}


async def test_row_seen_again_unchanged_keeps_its_time(fresh: OpenLedger) -> None:
    """Reading the same inventory again is no news of a row."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([seen(row, 50)])
        assert (await read(ledger, row)).updated_at == START


async def test_run_begun_turns_rows_on_their_way_into_doubts(fresh: OpenLedger) -> None:
    """A row found as sending was cut off: in doubt, its grace counted from now."""
    clock = HandClock()
    cut, done = endpoint("cut"), endpoint("done")
    async with fresh(clock) as ledger:
        await fill(ledger, cut, done)
        await ledger.commit([intent(cut), intent(done), created(done)])
        clock.clock_id, clock.passed_s = "boot-2", 700
        number = await ledger.begin_run(RunId("run-2"), clock.now(), {"rate": 10})
        record, other = await read(ledger, cut), await read(ledger, done)
        summary = await ledger.summary()
    assert number == 1
    assert (record.state, record.ambiguous, record.error_code) == (State.IN_DOUBT, 1, "cut_off")
    assert (record.doubt_since, record.updated_at) == (DoubtSince("boot-2", 700), at(700))
    assert other.state is State.CREATED
    assert (summary.oldest_doubt_at, summary.last_run_id) == (at(700), "run-2")


async def test_run_begun_twice_is_refused(fresh: OpenLedger) -> None:
    """A run id names one run."""
    async with fresh() as ledger:
        await ledger.begin_run(RUN, START, {})
        with pytest.raises(IllegalMove, match="begun before"):
            await ledger.begin_run(RUN, START, {})
        await ledger.end_run(RUN, at(9), {"created": 0})


async def test_records_of_many_keys_leave_unknown_ones_out(fresh: OpenLedger) -> None:
    """More keys than a statement may bind are answered too."""
    rows = [endpoint(f"r{number:04}") for number in range(1201)]
    async with fresh() as ledger:
        await fill(ledger, *rows)
        await ledger.commit([intent(rows[7]), doubted(rows[7])])
        keys = [row.key for row in rows] + [EndpointKey("ghost")]
        records = await ledger.records(keys)
        standings = await ledger.standings(keys)
        assert await ledger.records([]) == {}
    assert set(records) == set(standings) == {row.key for row in rows}
    assert standings[rows[7].key] == RowStanding(State.IN_DOUBT, "f1", 1, error_code="timeout")
    assert standings[rows[8].key] == RowStanding(State.PENDING, "f1", 0)


async def test_doubts_are_paged_by_key(fresh: OpenLedger) -> None:
    """Pages of rows in doubt follow each other by key and miss none."""
    rows = [endpoint(name) for name in ("d", "b", "c", "a", "e")]
    async with fresh() as ledger:
        await fill(ledger, *rows)
        for row in rows[:4]:
            await ledger.commit([intent(row), doubted(row)])
        first = await ledger.doubted(after=None, limit=3)
        second = await ledger.doubted(after=first[-1].key, limit=3)
    assert [row.name for row in first] == ["a", "b", "c"]
    assert [row.name for row in second] == ["d"]


async def test_watched_names_are_those_of_settled_rows_as_they_were_sent(fresh: OpenLedger) -> None:
    """Every name under which a settled row was sent ambiguously may still get a twin."""
    row, waiting, clean = endpoint("a"), endpoint("b"), endpoint("c")
    renamed = endpoint("a2", key=row.key)
    async with fresh() as ledger:
        await fill(ledger, row, waiting, clean)
        await ledger.commit([intent(row), doubted(row, 10), move(row, State.PENDING, 20), seen(renamed, 20)])
        await ledger.commit([intent(renamed, 30), doubted(renamed, 40)])
        assert await ledger.watched(since=START, after=None, limit=9) == []
        await ledger.commit([move(renamed, State.PENDING, 50), intent(renamed, 51), doubted(renamed, 55)])
        await ledger.commit([move(renamed, State.CREATED, 60, connection_id=ConnectionId("i"))])
        await ledger.commit([intent(waiting), doubted(waiting), intent(clean), created(clean)])
        everything = await ledger.watched(since=START, after=None, limit=9)
        late = await ledger.watched(since=at(50), after=None, limit=9)
        none = await ledger.watched(since=at(56), after=None, limit=9)
        beyond = await ledger.watched(since=START, after=row.key, limit=9)
    old = Watch(row.key, SentAs("prod", "a", SPEC), at(10))
    new = Watch(row.key, SentAs("prod", "a2", SPEC), at(55))
    assert (everything, late, none, beyond) == ([old, new], [new], [], [])


async def test_watched_names_of_a_row_cut_off_are_found(fresh: OpenLedger) -> None:
    """A row whose process was killed may get a late twin like any other doubt."""
    row = endpoint()
    async with fresh() as ledger:
        await fill(ledger, row)
        await ledger.commit([intent(row)])
        await ledger.begin_run(RunId("run-2"), at(100), {})
        await ledger.commit([move(row, State.HELD, 110, run_id=RunId("run-2"))])
        watched = await ledger.watched(since=at(99), after=None, limit=9)
    assert watched == [Watch(row.key, SentAs("prod", "sales", SPEC), at(100))]


async def test_holders_of_ids_are_found_and_others_left_out(fresh: OpenLedger) -> None:
    """Only `connection_id` holds an id, an id in question does not."""
    one, two = endpoint("one"), endpoint("two")
    async with fresh() as ledger:
        await fill(ledger, one, two)
        await ledger.commit([intent(one), created(one)])
        await ledger.commit([move(two, State.HELD, other_ids=(ConnectionId("id-x"),))])
        holders = await ledger.holders(
            iter([ConnectionId("id-one"), ConnectionId("id-x"), ConnectionId("?")])
        )
    assert holders == {"id-one": one.key}


async def test_known_connection_is_the_oldest_created_one_of_the_sandbox(fresh: OpenLedger) -> None:
    """A lookup's positive control is a connection that has been visible for long."""
    one, two, other = endpoint("one"), endpoint("two"), endpoint("other", sandbox="dev")
    async with fresh() as ledger:
        await fill(ledger, one, two, other)
        assert await ledger.known_connection("prod") is None
        await ledger.commit([intent(other), created(other, 1)])
        await ledger.commit([intent(two), created(two, 5)])
        await ledger.commit([intent(one), created(one, 6)])
        known = await ledger.known_connection("prod")
        second = await ledger.known_connection("prod", skip=1)
        assert await ledger.known_connection("prod", skip=2) is None
    assert known is not None
    assert known.key == two.key
    assert second is not None
    assert second.key == one.key


async def test_name_conflicts_show_the_other_row_that_has_the_name(fresh: OpenLedger) -> None:
    """A like name in the same sandbox and spec under another key is a conflict, one's own is not."""
    row = endpoint("Straße", file="a.csv", row=7)
    async with fresh() as ledger:
        await fill(ledger, row)
        key = EndpointKey("another")
        conflicts = await ledger.conflicts(
            [
                (key, "prod", SPEC, "strasse"),
                (row.key, "prod", SPEC, "strasse"),
                (EndpointKey("dev"), "dev", SPEC, "strasse"),
                (EndpointKey("spec"), "prod", "other", "strasse"),
            ]
        )
    assert conflicts == {key: NameConflict(row.key, "a.csv", 7, State.PENDING)}


async def test_name_conflicts_of_many_names_show_the_row_that_entered_first(fresh: OpenLedger) -> None:
    """Questions beyond what a statement may bind are answered; of several others the first is named."""
    rows = [endpoint(f"r{number}") for number in range(600)]
    again = [endpoint("r7", key=EndpointKey(key), row=9) for key in ("zz", "aa")]
    async with fresh() as ledger:
        await fill(ledger, *rows, *again)
        asked = [(row.key, row.sandbox, row.connection_spec_id, row.loose_name) for row in (*rows, *again)]
        conflicts = await ledger.conflicts(asked)
    assert {key: one.key for key, one in conflicts.items()} == {
        rows[7].key: "zz",
        EndpointKey("zz"): rows[7].key,
        EndpointKey("aa"): rows[7].key,
    }


async def test_summary_counts_states_and_groups_errors_by_size(fresh: OpenLedger) -> None:
    """Counts name every state; error groups come largest first with one message as example."""
    rows = [endpoint(f"r{number}") for number in range(6)]
    async with fresh() as ledger:
        empty = await ledger.summary()
        await fill(ledger, *rows)
        for row, code in zip(rows, ["1100", "1100", "1101", None], strict=False):
            await ledger.commit([move(row, State.FAILED, error_code=code, error_message=code and f"m{code}")])
        await ledger.commit([intent(rows[4]), doubted(rows[4], 8)])
        summary = await ledger.summary()
    assert (set(empty.counts.values()), empty.groups, empty.last_run_id) == ({0}, (), None)
    expected = dict.fromkeys(State, 0) | {State.FAILED: 4, State.IN_DOUBT: 1, State.PENDING: 1}
    assert summary.counts == expected
    assert summary.groups == (
        ErrorGroup(State.FAILED, "1100", 2, "m1100"),
        ErrorGroup(State.FAILED, "", 1, ""),
        ErrorGroup(State.FAILED, "1101", 1, "m1101"),
        ErrorGroup(State.IN_DOUBT, "timeout", 1, "no answer within 60 s"),
    )
    assert (summary.oldest_doubt_at, summary.last_run_id) == (at(8), RUN)


async def test_info_names_the_target(fresh: OpenLedger) -> None:
    """A ledger knows which target it belongs to."""
    async with fresh() as ledger:
        assert (ledger.info.target, ledger.info.format_version) == (TARGET, 4)
