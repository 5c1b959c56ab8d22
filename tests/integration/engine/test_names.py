"""Names that exist already, late twins, edited and removed rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bulkconn.core.plan import OnExisting, Reopen
from bulkconn.emulator import EmulatorSettings, FaultPlan, PlantedConnection
from bulkconn.engine.survey import Survey, survey_batch
from tests.fakes.bench import Bench, endpoint, endpoints, fast_settings

if TYPE_CHECKING:
    from pathlib import Path

SPEC = "74a1c565-4e59-48d7-9d67-7c03b8a13137"


def _stranger(name: str, *, server: str | None = None, client: str = "somebody-else") -> PlantedConnection:
    return PlantedConnection(
        sandbox="dev",
        name=name,
        connection_spec_id=SPEC,
        created_client=client,
        params={
            "server": server or f"{name}.example.com",
            "port": "5432",
            "database": "sales",
            "username": "reader",
        },
    )


async def test_existing_name_is_held_with_its_id_and_nothing_is_sent(tmp_path: Path) -> None:
    """By default a name that exists already is left to a human, whatever its case."""
    rows = [endpoint("orders"), endpoint("billing", row=2)]
    async with Bench(tmp_path) as bench:
        planted = bench.emulator.plant(_stranger("ORDERS"))
        report = await bench.onboard(rows)
        records = await bench.records(rows)
        assert (report.exit_code, report.counts["held"], report.counts["created"]) == (1, 1, 1)
        assert records["orders"].other_ids == (planted.id,)
        assert planted.id in (records["orders"].error_message or "")


async def test_held_row_is_sent_once_the_obstacle_is_gone(tmp_path: Path) -> None:
    """A held row that was never sent is looked at anew by the next run."""
    rows = [endpoint("orders")]
    async with Bench(tmp_path) as bench:
        planted = bench.emulator.plant(_stranger("orders"))
        assert (await bench.onboard(rows)).counts["held"] == 1
        assert (await bench.onboard(rows)).counts["held"] == 1
        bench.emulator.books.delete(planted.id)
        assert (await bench.onboard(rows)).counts["created"] == 1


async def test_existing_name_is_adopted_only_if_it_is_the_same_database(tmp_path: Path) -> None:
    """Adoption takes an id over if server, database and username are equal, else it holds."""
    rows = [endpoint("same"), endpoint("other", row=2)]
    async with Bench(tmp_path) as bench:
        same = bench.emulator.plant(_stranger("same"))
        bench.emulator.plant(_stranger("other", server="elsewhere.example.com"))
        report = await bench.onboard(rows, on_existing=OnExisting.ADOPT)
        records = await bench.records(rows)
        assert (report.counts["adopted"], report.counts["held"]) == (1, 1)
        assert records["same"].connection_id == same.id
        assert bench.emulator.books.posts == 0


async def test_existing_name_is_created_beside_on_request_and_never_claimed(tmp_path: Path) -> None:
    """With `create` a second connection is made; a lost reply is not settled with the stranger's id."""
    rows = [endpoint("orders")]
    plan = FaultPlan.model_validate({"by_name": {"orders": ["reset_before"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan)) as bench:
        planted = bench.emulator.plant(_stranger("orders", client="emulator-client"))
        report = await bench.onboard(rows, on_existing=OnExisting.CREATE)
        records = await bench.records(rows)
        assert report.exit_code == 0, (report.counts, report.groups)
        assert records["orders"].connection_id != planted.id
        assert bench.emulator.books.connection_count == 2


async def test_late_effect_beyond_the_grace_is_held_with_both_ids(tmp_path: Path) -> None:
    """A POST that takes effect after its grace makes a twin; the next look finds and reports it."""
    rows = [endpoint("late"), endpoint("other", row=2)]
    plan = FaultPlan.model_validate({"by_name": {"late": ["slow_create:6"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan), timeout_s=0.5) as bench:
        first = await bench.onboard(rows)
        assert first.counts["created"] == 2
        await asyncio.sleep(5.0)
        assert bench.emulator.books.connection_count == 3
        settled = await bench.settle()
        records = await bench.records(rows)
        ids = {one.id for one in bench.emulator.books.named("dev", "late")}
        record = records["late"]
        assert settled.counts["held"] == 1
        assert {record.connection_id, *record.other_ids} == ids
        assert all(one in (record.error_message or "") for one in ids)


async def test_visibility_lag_within_the_grace_makes_no_twin(tmp_path: Path) -> None:
    """A listing that lags behind creation by less than the grace leads to no second connection."""
    rows = endpoints(20)
    settings = EmulatorSettings(
        visibility_lag_s=1.5,
        faults=FaultPlan.model_validate({"chances": {"reset_after_create": 0.3}}),
        seed=2,
    )
    async with Bench(tmp_path, settings) as bench:
        report = await bench.onboard(rows, settle_grace_s=3.0)
        assert report.exit_code == 0, (report.counts, report.groups)
        assert bench.emulator.books.connection_count == 20


async def test_edited_created_row_is_reported_as_changed_and_not_sent(tmp_path: Path) -> None:
    """An edited row of a created key is told, never sent."""
    async with Bench(tmp_path) as bench:
        await bench.onboard([endpoint("orders")])
        report = await bench.onboard([endpoint("orders", server="moved.example.com")])
        assert (report.exit_code, report.counts["changed"], report.this_run.posts) == (1, 1, 0)


async def test_doubt_of_a_removed_row_is_settled_and_never_sent(tmp_path: Path) -> None:
    """A row that left the inventory while in doubt is looked up as it was sent."""
    rows = [endpoint("gone"), endpoint("stays", row=2)]
    plan = FaultPlan.model_validate({"by_name": {"gone": ["slow:3"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan), timeout_s=0.4) as bench:
        first = await bench.onboard(rows, settle_grace_s=None, max_wait_s=60.0)
        report = await bench.onboard(rows[1:])
        records = await bench.records(rows)
        assert first.counts["created"] + first.counts["in_doubt"] == 2
        assert report.exit_code == 0
        assert records["gone"].state.value == "created"
        assert bench.emulator.books.connection_count == 2


async def test_edited_row_in_doubt_is_not_sent_over_an_existing_name(tmp_path: Path) -> None:
    """A doubt that proved absent frees the row, not the new name that an edit gave it."""
    before = endpoint("first", key="stable-key")
    after = endpoint("renamed", key="stable-key")
    plan = FaultPlan.model_validate({"by_name": {"first": ["reset_before"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan)) as bench:
        async with bench.engine(fast_settings(settle_grace_s=None)) as engine:
            survey = Survey()
            await survey_batch(survey, engine.run.ledger, [before], reopen=Reopen())
            asyncio.get_running_loop().call_later(1.0, engine.interrupt)
            await engine.onboard(lambda: [before], survey)
        planted = bench.emulator.plant(_stranger("renamed", client="emulator-client"))
        report = await bench.onboard([after])
        records = await bench.records([after])
        assert report.counts["held"] == 1, (report.counts, report.groups)
        assert records["renamed"].other_ids == (planted.id,)
        assert bench.emulator.books.posts == 1


async def test_stranger_between_two_intents_is_never_claimed(tmp_path: Path) -> None:
    """Ids seen before a later intent count as seen too, if no earlier attempt may have been processed."""
    row = endpoint("orders")
    async with Bench(tmp_path) as bench:
        bench.emulator.plan_faults(FaultPlan.model_validate({"by_name": {"orders": ["status_403"]}}))
        first = await bench.onboard([row], on_existing=OnExisting.CREATE)
        planted = bench.emulator.plant(_stranger("orders", client="emulator-client"))
        bench.emulator.plan_faults(FaultPlan.model_validate({"by_name": {"orders": ["reset_before"]}}))
        second = await bench.onboard([row], on_existing=OnExisting.CREATE)
        records = await bench.records([row])
        assert first.counts["pending"] == 1
        assert second.counts["created"] == 1, (second.counts, second.groups)
        assert records["orders"].connection_id != planted.id


async def test_marked_connection_is_claimed_also_by_a_run_without_marker(tmp_path: Path) -> None:
    """The marker is certain proof, whatever the service shows as the creating client."""
    row = endpoint("orders")
    plan = FaultPlan.model_validate({"by_name": {"orders": ["reset_after_create"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan)) as bench:
        async with bench.engine(fast_settings(has_marker=True, settle_grace_s=None)) as engine:
            survey = Survey()
            await survey_batch(survey, engine.run.ledger, [row], reopen=Reopen())
            asyncio.get_running_loop().call_later(0.5, engine.interrupt)
            await engine.onboard(lambda: [row], survey)
        report = await bench.onboard([row], client_id="shown-otherwise")
        assert report.counts["created"] == 1
        assert "[bulkconn:" in (bench.emulator.books.all_connections()[0].description or "")
        assert bench.emulator.books.posts == 1


async def test_client_shown_otherwise_is_learnt_from_a_connection_of_ours(tmp_path: Path) -> None:
    """What the service shows as createdClient for ours is ours, even if it is not the client id."""
    rows = endpoints(5)
    plan = FaultPlan.model_validate({"by_name": {"db-0004": ["reset_after_create"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan)) as bench:
        report = await bench.onboard(rows, client_id="shown-otherwise")
        assert report.counts["created"] == 5, (report.counts, report.groups)
        assert bench.emulator.books.posts == 5
