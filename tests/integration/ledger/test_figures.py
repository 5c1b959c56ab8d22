"""What a report counts in a ledger, the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.lifecycle import State
from bulkconn.core.names import RunId
from bulkconn.core.record import AttemptEnd
from bulkconn.ledger.figures import ROW_COLUMNS, Asked, iter_rows, own_rows, read_figures
from bulkconn.ledger.opening import open_read_only
from bulkconn.ledger.places import open_read_only as open_place
from bulkconn.ledger.postgres_url import parse_place
from bulkconn.ledger.queries import EVERY_ROW
from bulkconn.ledger.schema import MIGRATIONS
from tests.fakes.full_ledger import HOSTILE, ROWS, fill_fully
from tests.fakes.postgres import fresh_schema
from tests.integration.ledger.building import RUN, START, at, open_ledger, open_postgres_ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bulkconn.core.figures import Figures
    from bulkconn.ledger.sql_store import SqlStore


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    """Give a full ledger of each kind, opened to be read."""
    if request.param == "sqlite":
        ledger = await open_ledger(tmp_path / "a.ledger.db")
        await fill_fully(ledger)
        await ledger.close()
        with closing(open_read_only(tmp_path / "a.ledger.db")) as reader:
            yield reader
        return
    with fresh_schema() as url:
        shared = await open_postgres_ledger(url)
        await fill_fully(shared)
        await shared.close()
        with closing(open_place(parse_place(url))) as reader:
            yield reader


def figures_of(store: SqlStore, run_id: str | None = None) -> Figures | None:
    """Count everything."""
    with store.snapshot():
        return read_figures(store, Asked("a.ledger.db", at(60), run_id))


@pytest.fixture
def figures(store: SqlStore) -> Figures:
    """Give the figures of the full ledger."""
    found = figures_of(store)
    assert found is not None
    return found


def test_figures_count_every_state_and_place(figures: Figures) -> None:
    """The same rows are counted whole, by source, by cloud and by sandbox."""
    assert figures.rows == ROWS
    assert figures.counts[State.FAILED] == 8
    assert figures.counts[State.ADOPTED] == figures.counts[State.HELD] == figures.counts[State.IN_DOUBT] == 1
    assert figures.counts[State.PENDING] == 3
    assert [share.rows for share in figures.sources] == [80, 80, 80]
    assert [(share.name, share.rows) for share in figures.clouds] == [("azure", 192), ("aws", 48)]
    assert [(share.name, share.rows) for share in figures.sandboxes] == [("dev", 120), ("prod", 120)]
    total: Counter[State] = Counter()
    for share in figures.sources:
        total.update(share.counts)
    assert total == {state: count for state, count in figures.counts.items() if count}


def test_figures_draw_the_run_on_a_line_of_time(figures: Figures) -> None:
    """Every answer stands in one bar; pace, ceiling and closed gate at their seconds."""
    timeline = figures.timeline
    assert timeline is not None
    assert timeline.began_at == START
    assert timeline.width_s == 1.0
    answers: Counter[AttemptEnd] = Counter()
    for bar in timeline.bars:
        answers.update(bar.answers)
    assert answers == {AttemptEnd.CREATED: 227, AttemptEnd.REJECTED: 8, AttemptEnd.IN_DOUBT: 1}
    assert [(one.from_s, one.rate_per_s, one.ceiling_per_s, one.closed_for_s) for one in timeline.paces] == [
        (0.0, 40.0, 40.0, 0.0),
        (8.0, 15.0, 40.0, 2.0),
        (16.0, 22.5, 40.0, 0.0),
    ]


def test_figures_measure_from_intent_to_outcome(figures: Figures) -> None:
    """235 answers took a quarter of a second, one four and a quarter."""
    assert figures.latencies is not None
    assert figures.latencies.counted == ((0.25, 235), (4.2, 1))
    assert figures.latencies.longest_s == 4.25


def test_figures_know_the_run_and_its_settings(store: SqlStore, figures: Figures) -> None:
    """The last run that sent anything is the one that is shown."""
    assert figures.run is not None
    assert figures.run.run_id == RUN
    assert figures.run.ended_at == at(30)
    assert figures.run.settings["rate_per_s"] == 40.0
    assert figures.groups[0].code == "1312-400"
    assert figures_of(store, "no-such-run") is None


def test_rows_come_in_the_order_of_the_inventory_or_the_newest_first(store: SqlStore) -> None:
    """Each row has all columns; a limit is kept."""
    with store.snapshot():
        listed = list(iter_rows(store, EVERY_ROW, limit=7))
        newest = list(iter_rows(store, EVERY_ROW, limit=2, newest=True))
    assert [row[0] for row in listed[: len(HOSTILE)]] == list(HOSTILE)
    assert len(listed) == 7
    assert len(listed[0]) == len(ROW_COLUMNS)
    assert listed[0][-1] == int(at(0.25).timestamp() * 1000)
    assert newest[0][-1] >= newest[1][-1]


async def test_run_that_sent_nothing_is_shown_only_when_asked_for(tmp_path: Path) -> None:
    """The same command again is a run too, but nobody asks for its picture."""
    path = tmp_path / "b.ledger.db"
    ledger = await open_ledger(path)
    await fill_fully(ledger)
    await ledger.begin_run(RunId("run-2"), at(100), {})
    await ledger.close()
    with closing(open_read_only(path)) as store:
        usual, second = figures_of(store), figures_of(store, "run-2")
    assert usual is not None
    assert second is not None
    assert usual.run is not None
    assert usual.run.run_id == RUN
    assert [run.run_id for run in usual.runs] == ["run-2", "run-1"]
    assert second.timeline is not None
    assert second.timeline.bars == ()
    assert second.run is not None
    assert second.run.ended_at is None


async def test_ledger_of_an_older_format_has_no_paces(tmp_path: Path) -> None:
    """It is read as it is: a report migrates nothing."""
    path = tmp_path / "old.ledger.db"
    ledger = await open_ledger(path)
    await fill_fully(ledger)
    await ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("verifications", "rotations", "paces"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 2")
    assert len(MIGRATIONS) >= 3
    with closing(open_read_only(path)) as store:
        figures = figures_of(store)
        assert own_rows(store, None, is_narrowed=True) == EVERY_ROW
    assert figures is not None
    assert figures.timeline is not None
    assert figures.timeline.paces == ()
    assert len(figures.timeline.bars) > 20
