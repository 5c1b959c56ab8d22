"""The engine over a ledger in PostgreSQL: the same road, and what only a lease can bring about."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest

from bulkconn.core.names import RunId
from bulkconn.core.record import Intent, Provenance, RowSeen, SentAs
from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.clock import SystemClock
from bulkconn.ledger.postgres_url import parse_place
from bulkconn.ledger.sqlite import SqliteLedger
from tests.fakes.bench import Bench, endpoints
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def url() -> Iterator[str]:
    """Give the URL of a ledger that is not there yet."""
    with fresh_schema() as url:
        yield url


@pytest.mark.parametrize("fault", ["reset_after_create", "status_500_before", "no_id", "status_429"])
async def test_run_over_postgres_with_faults_ends_with_each_created_once(
    tmp_path: Path, url: str, fault: str
) -> None:
    """The promise does not depend on which database keeps the ledger."""
    rows = endpoints(30)
    settings = EmulatorSettings(faults=FaultPlan.model_validate({"chances": {fault: 0.2}}), seed=3)
    async with Bench(tmp_path, settings, ledger_url=url) as bench:
        report = await bench.onboard(rows, max_resends=10)
        again = await bench.onboard(rows)
        records = await bench.records(rows)
        books = bench.emulator.books
        assert not books.duplicates()
        assert (report.exit_code, report.counts["created"]) == (0, 30)
        assert (again.this_run.posts, again.this_run.skipped) == (0, 30)
        assert {name: one.connection_id for name, one in records.items()} == {
            one.name: one.id for one in books.all_connections()
        }


async def test_row_answered_late_is_created_under_that_id_and_never_resent(tmp_path: Path, url: str) -> None:
    """What a fenced worker learnt at last stops the resend and settles the row."""
    rows = endpoints(1)
    async with Bench(tmp_path, ledger_url=url) as bench:
        async with AsyncExitStack() as stack:
            ledger = await bench._ledger(stack)
            now, run_id = SystemClock().now(), RunId("cut-off")
            await ledger.begin_run(run_id, now, {})
            sent_as = SentAs("dev", rows[0].name, rows[0].connection_spec_id)
            await ledger.commit([RowSeen(rows[0], now)])
            await ledger.commit([Intent(rows[0].key, run_id, now, sent_as, rows[0].fingerprint)])
        place = parse_place(url)
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute(f'SET search_path = "{place.schema}"')
            connection.execute(
                "INSERT INTO attempts (row_id, attempt_no, run, fact, at, connection_id) "
                "SELECT row_id, attempt_no, run, 'late', at, 'late-id' FROM attempts LIMIT 1"
            )
        report = await bench.onboard(rows)
        (record,) = (await bench.records(rows)).values()
        assert (report.counts["created"], report.this_run.posts, report.this_run.settled) == (1, 0, 1)
        assert bench.emulator.books.posts == 0
        assert (record.connection_id, record.provenance) == ("late-id", Provenance.REPLY)


async def test_row_whose_lease_ran_out_on_the_way_to_its_slot_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing leaves under an intent that may be another's to settle; the row is not lost."""
    ends_s = iter([float("-inf")])
    monkeypatch.setattr(SqliteLedger, "send_before_s", property(lambda _: next(ends_s, float("inf"))))
    rows = endpoints(1)
    async with Bench(tmp_path) as bench:
        report = await bench.onboard(rows)
        (record,) = (await bench.records(rows)).values()
        assert (report.exit_code, report.this_run.posts, bench.emulator.books.posts) == (0, 1, 1)
        assert (record.attempts, record.ambiguous) == (2, 0)
