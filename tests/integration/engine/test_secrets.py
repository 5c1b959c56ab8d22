"""Secrets of rows: resolved before anything is durable; one that is missing fails a row, a store the run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.plan import Reopen
from bulkconn.core.secret import SecretStr
from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.survey import Survey, survey_batch
from bulkconn.secretrefs import resolver
from bulkconn.secretrefs.store import StoreTrouble
from tests.fakes.bench import Bench, endpoint, fast_settings
from tests.fakes.secret_stores import FakeStore, references_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.secret import SecretRef


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries of a store follow soon."""
    monkeypatch.setattr(resolver, "backoff_s", lambda *_: 0.01)


def _rows(count: int, *, first: int = 1) -> list[Endpoint]:
    """Give rows whose passwords are references, each its own."""
    names = [f"db-{number:04d}" for number in range(first, first + count)]
    return [endpoint(name, password=f"file:///{name}") for name in names]


def _bench(folder: Path, store: FakeStore, *, max_wait_s: float = 60.0, **settings: FaultPlan) -> Bench:
    references = references_to(store, max_wait_s=max_wait_s, scheme="file")
    return Bench(folder, EmulatorSettings(**settings), secrets=references)


async def test_run_with_a_refused_secret_fails_that_row_alone(tmp_path: Path) -> None:
    """It keeps code and message, has no attempt, and is sent when the secret is there and it is asked for."""
    store = FakeStore()
    store.script["/db-0002"] = [SecretUnavailable("file:///db-0002 is not for you", code="secret_denied")]
    rows = _rows(5)
    async with _bench(tmp_path, store) as bench:
        report = await bench.onboard(rows)
        assert (report.exit_code, report.counts["failed"], report.counts["created"]) == (1, 1, 4)
        failed = (await bench.records(rows))["db-0002"]
        assert (failed.error_code, failed.error_message, failed.attempts) == (
            "secret_denied",
            "file:///db-0002 is not for you",
            0,
        )
        bench.secrets = references_to(FakeStore(), scheme="file")
        again = await bench.onboard(rows, reopen=Reopen(failed=True))
        assert (again.exit_code, again.counts["created"]) == (0, 5)


async def test_run_with_a_store_that_is_down_stops_and_its_rows_stay_pending(tmp_path: Path) -> None:
    """Exit 4: nothing of the rows was sent or is in doubt, the store is named, the next run goes on."""
    store = FakeStore()
    rows = _rows(12)
    for row in rows[3:]:
        store.script[f"/{row.name}"] = [SecretStoreDown("the fake store is sealed", fix="unseal it")]
    async with _bench(tmp_path, store) as bench:
        report = await bench.onboard(rows, concurrency=2)
        assert report.exit_code == 4
        assert report.stopped is not None
        assert (report.stopped.reason, report.stopped.fix) == (
            "the fake store is sealed",
            "unseal it, then run the same command again",
        )
        assert report.counts["pending"] >= 9
        assert report.counts["created"] + report.counts["pending"] == 12
        assert bench.emulator.books.posts == report.counts["created"]
        bench.secrets = references_to(FakeStore(), scheme="file")
        again = await bench.onboard(rows)
        assert (again.exit_code, again.counts["created"]) == (0, 12)
        assert not bench.emulator.books.duplicates()


async def test_run_through_a_stores_trouble_creates_all(tmp_path: Path) -> None:
    """A store that stumbles costs time and no row."""
    store = FakeStore()
    rows = _rows(10)
    for row in rows:
        store.script[f"/{row.name}"] = [StoreTrouble("busy") for _ in range(3)]
    async with _bench(tmp_path, store) as bench:
        report = await bench.onboard(rows)
        assert (report.exit_code, report.counts["created"]) == (0, 10)


async def test_run_that_is_interrupted_waits_for_no_store(tmp_path: Path) -> None:
    """Rows that wait for their secrets are let go at once and stay pending; the drain is for POSTs."""
    store = FakeStore(timeout_s=600.0)
    store.gate.clear()
    rows = _rows(30)
    async with _bench(tmp_path, store, max_wait_s=600.0) as bench:
        settings = fast_settings(drain_s=300.0, concurrency=10)
        async with bench.engine(settings) as engine:
            survey = Survey()
            await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
            running = asyncio.create_task(engine.onboard(lambda: rows, survey))
            await store.is_full.wait()
            engine.interrupt()
            report = await running
        assert report.exit_code == 130
        assert report.counts["pending"] == 30
        assert bench.emulator.books.posts == 0


async def test_run_with_a_slow_store_has_no_row_sending_meanwhile(tmp_path: Path) -> None:
    """The intent comes after the secrets, so a crash while they are fetched leaves no doubt."""
    store = FakeStore()
    store.gate.clear()
    rows = _rows(10)
    async with _bench(tmp_path, store) as bench, bench.engine(fast_settings()) as engine:
        survey = Survey()
        await survey_batch(survey, engine.run.ledger, rows, reopen=Reopen())
        running = asyncio.create_task(engine.onboard(lambda: rows, survey))
        await store.is_full.wait()
        records = await engine.run.ledger.records([row.key for row in rows])
        assert {record.state.value for record in records.values()} == {"pending"}
        store.gate.set()
        assert (await running).counts["created"] == 10


class _Once:
    """Gives a secret once, and refuses it from then on."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, refs: Sequence[SecretRef]) -> Mapping[SecretRef, SecretStr]:
        self.asked += 1
        if self.asked > 1:
            raise SecretUnavailable("gone")
        return dict.fromkeys(refs, SecretStr("s3cret"))


async def test_run_with_a_refused_secret_leaves_a_doubt_a_doubt(tmp_path: Path) -> None:
    """What became of an earlier POST is not settled by a secret that is gone since."""
    rows = _rows(1)
    plan = FaultPlan.model_validate({"by_name": {"db-0001": ["reset_before"]}})
    secrets = _Once()
    async with Bench(tmp_path, EmulatorSettings(faults=plan), secrets=secrets) as bench:
        report = await bench.onboard(rows, settle_grace_s=0.1)
        assert secrets.asked > 1
        assert (report.exit_code, report.counts["in_doubt"]) == (1, 1)
        assert (await bench.records(rows))["db-0001"].state.value == "in_doubt"
