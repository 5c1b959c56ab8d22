"""Any sequence of changes leaves a ledger and the model in memory with the same answers."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bulkconn.core.errors import IllegalMove
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, LedgerId, RunId
from bulkconn.core.record import AttemptEnd, DoubtSince, Intent, Move, Note, Provenance, RowSeen, SentAs
from bulkconn.ledger.opening import open_store
from bulkconn.ledger.postgres import Holder
from bulkconn.ledger.postgres_opening import open_postgres
from bulkconn.ledger.postgres_url import parse_place
from bulkconn.ledger.sqlite import SqliteLedger
from bulkconn.ledger.stored import StoredLedger
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.postgres import fresh_schema
from tests.integration.ledger.building import SPEC, START, TARGET, HandClock, endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from bulkconn.core.record import Change
    from bulkconn.ledger.sql_store import SqlStore

T = TypeVar("T")

NAMES = ("a", "b", "c")
IDS = st.sampled_from([ConnectionId(one) for one in ("i1", "i2", "i3", "i\u00e9")])
#: Without NUL: the ledger keeps its escape instead.
TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
MAYBE_IDS = st.none() | st.lists(IDS, unique=True, max_size=3).map(tuple)


class InlineWriter:
    """Runs a store's work where it is asked for: no thread, as a simulation does it."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write one group."""
        (verdict,) = self.store.apply([changes])
        if verdict is not None:
            raise verdict

    async def call(self, work: Callable[[SqlStore], T]) -> T:
        """Run it."""
        return work(self.store)

    async def close(self) -> None:
        """Close the store."""
        self.store.close()


def done(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waited")


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw any change of one of a few rows; its time is set when it is written."""
    row = endpoint(draw(st.sampled_from(NAMES)))
    kind = draw(st.sampled_from([RowSeen, Intent, Move, Move, Move, Note]))
    if kind is RowSeen:
        text = draw(st.sampled_from(["f1", "f2"]))
        sandbox = draw(st.sampled_from(["prod", "dev"]))
        return RowSeen(row._replace(fingerprint=text, sandbox=sandbox, row=draw(st.integers(2, 9))), START)
    run_id = RunId(draw(st.sampled_from(["run-0", "run-0", "run-0", "ghost"])))
    if kind is Intent:
        name = draw(st.sampled_from([row.name, f"{row.name}2"]))
        seen_ids = tuple(draw(st.lists(IDS, unique=True, max_size=2)))
        sent_as = SentAs("prod", name, SPEC)
        return Intent(row.key, run_id, START, sent_as, "f3", seen_ids, draw(st.booleans()))
    doubt = draw(st.none() | st.builds(DoubtSince, st.sampled_from(["b1", "b2"]), st.floats(0, 9)))
    others = draw(MAYBE_IDS)
    if kind is Note:
        return Note(row.key, START, draw(TEXTS), draw(TEXTS), doubt, others)
    return Move(
        key=row.key,
        to=draw(st.sampled_from(State)),
        at=START,
        run_id=run_id,
        connection_id=draw(st.none() | IDS),
        etag=draw(st.none() | st.just("e")),
        provenance=draw(st.none() | st.sampled_from(Provenance)),
        error_code=draw(TEXTS),
        error_message=draw(TEXTS),
        request_id=draw(TEXTS),
        attempt_end=draw(st.none() | st.sampled_from(AttemptEnd)),
        certainly_created=draw(st.booleans()),
        doubt_since=doubt,
        other_ids=others,
        takes_up=draw(st.booleans()),
    )


class LedgerMachine(RuleBasedStateMachine):
    """Does the same to a ledger file and to the model, and asks both the same questions."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bulkconn-model-"))
        self.clock = HandClock()
        self.runs = 0
        self.model = MemoryLedger(self.clock, target=TARGET)
        self.ledger = self.open()
        self.begin_run()

    def open(self) -> StoredLedger:
        """Open the file, or make it."""
        path, ledger_id = self.folder / "m.ledger.db", LedgerId("L")
        store = open_store(path, TARGET, now=START, new_ledger_id=ledger_id)
        return SqliteLedger(store.info, InlineWriter(store), self.clock)

    def teardown(self) -> None:
        """Remove the file."""
        done(self.ledger.close())
        shutil.rmtree(self.folder)

    @rule(group=st.lists(changes(), min_size=1, max_size=4))
    def commit(self, group: list[Change]) -> None:
        """One caller's changes: both write them, or both refuse them."""
        self.clock.passed_s += 1
        timed = [replace(change, at=self.clock.now()) for change in group]
        verdicts = []
        for ledger in (self.ledger, self.model):
            try:
                done(ledger.commit(timed))
                verdicts.append("written")
            except IllegalMove:
                verdicts.append("refused")
        assert verdicts[0] == verdicts[1], timed

    @rule(name=st.sampled_from(NAMES))
    def send_and_doubt(self, name: str) -> None:
        """Lead a row on the usual way, which dice alone seldom find."""
        row = endpoint(name)
        sent_as = SentAs("prod", name, SPEC)
        self.commit([RowSeen(row, START)])
        self.commit([Intent(row.key, RunId("run-0"), START, sent_as, "f1")])

    @rule()
    def begin_run(self) -> None:
        """Begin another run: what is on its way was cut off."""
        self.clock.passed_s += 1
        run_id, now = RunId(f"run-{self.runs}"), self.clock.now()
        self.runs += 1
        numbers = [done(ledger.begin_run(run_id, now, {})) for ledger in (self.ledger, self.model)]
        assert numbers[0] == numbers[1]

    @precondition(lambda self: self.runs)
    @rule()
    def reopen(self) -> None:
        """Close the file and open it again: nothing is forgotten."""
        done(self.ledger.close())
        self.ledger = self.open()

    @invariant()
    def same_answers(self) -> None:
        """Every question has the same answer."""
        keys = [endpoint(name).key for name in NAMES]
        names = [(keys[0], sandbox, SPEC, name) for sandbox in ("prod", "dev") for name in NAMES]
        ids = [ConnectionId(one) for one in ("i1", "i2", "i3", "i\u00e9")]
        answers = [
            (
                done(ledger.records(keys)),
                done(ledger.standings(keys)),
                done(ledger.taken_up(keys)),
                done(ledger.doubted(after=None, limit=2)),
                done(ledger.watched(since=START, after=keys[0], limit=2)),
                done(ledger.watched(since=self.clock.now(), after=None, limit=1)),
                {key: one.key for key, one in done(ledger.conflicts(names)).items()},
                done(ledger.summary()),
            )
            for ledger in (self.ledger, self.model)
        ]
        assert answers[0] == answers[1]
        held = done(self.ledger.holders(ids))
        assert held == done(self.model.holders(ids))

    @invariant()
    def same_attempts(self) -> None:
        """The attempts tell the same story."""
        store = done(self.ledger._writer.call(lambda store: store))
        story = (
            "SELECT key, attempt_no, fact, a.connection_id FROM attempts a JOIN rows r ON r.id = row_id "
            "ORDER BY a.id"
        )
        facts = store.read(lambda db: db.execute(story).fetchall())
        expected = [(one.key, one.attempt_no, one.fact, one.connection_id) for one in self.model.attempts]
        assert sorted(facts, key=repr) == sorted(expected, key=repr)


class PostgresMachine(LedgerMachine):
    """The same over a ledger in PostgreSQL."""

    def open(self) -> StoredLedger:
        """Open the schema, or make it."""
        if not hasattr(self, "schemas"):
            self.schemas = ExitStack()
            self.url = self.schemas.enter_context(fresh_schema())
        store = open_postgres(
            parse_place(self.url),
            TARGET,
            Holder("the model", request_timeout_s=60.0),
            now=START,
            new_ledger_id=LedgerId("L"),
            elapsed_s=self.clock.elapsed_s,
        )
        return StoredLedger(store.info, InlineWriter(store), self.clock)

    def teardown(self) -> None:
        """Drop the schema."""
        super().teardown()
        self.schemas.close()


LedgerMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    # Without `explain`: before Python 3.12 it traces every line, ten times slower.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
PostgresMachine.TestCase.settings = settings(LedgerMachine.TestCase.settings, max_examples=5)
test_any_changes_leave_ledger_and_model_equal = LedgerMachine.TestCase
test_any_changes_leave_postgres_and_model_equal = PostgresMachine.TestCase
