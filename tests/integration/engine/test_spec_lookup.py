"""What the service says of connection specs: asked at the pace, patiently, and told apart from troubles."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.outcome import Scope
from bulkconn.core.reply import Reply
from bulkconn.core.service_spec import NotOffered, OddSpec, Place, ServiceSpec
from bulkconn.emulator import EmulatorSettings, FaultPlan, OfferedSpec
from bulkconn.engine.lookup import Looker, Unknown
from bulkconn.engine.spec_lookup import SpecLooker
from bulkconn.flowservice import FlowService
from tests.fakes.bench import Bench, fast_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bulkconn.core.protocols import SpecApi, Token
    from bulkconn.core.reply import Fault
    from bulkconn.engine.run import Engine

POSTGRES = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
DEV, AWS = Place("dev", POSTGRES), Place("dev-aws", POSTGRES)


@asynccontextmanager
async def looking(bench: Bench, api: SpecApi | None = None) -> AsyncIterator[tuple[Engine, SpecLooker]]:
    """Give an engine whose gate is served, and a looker."""
    async with bench.engine(fast_settings(rate_per_s=50.0)) as engine:
        gate = asyncio.create_task(engine.run.gate.serve())
        if api is None:
            assert isinstance(engine.run.api, FlowService)
            api = engine.run.api
        try:
            yield engine, SpecLooker(engine.run, Looker(engine.run), api)
        finally:
            gate.cancel()
            await asyncio.gather(gate, return_exceptions=True)


def faults(*steps: str) -> EmulatorSettings:
    """Let the next lookups meet these faults."""
    return EmulatorSettings(faults=FaultPlan.model_validate({"queue": list(steps)}))


async def test_look_at_several_places_gives_what_each_sandbox_sees(tmp_path: Path) -> None:
    """The same connection spec shows other auth specs on another cloud."""
    async with Bench(tmp_path) as bench, looking(bench) as (engine, looker):
        found = await looker.look([DEV, AWS])
        assert engine.run.this_run.lookups == 2
        assert engine.stops.reported is None
    azure, aws = found[DEV], found[AWS]
    assert isinstance(azure, ServiceSpec)
    assert isinstance(aws, ServiceSpec)
    assert sorted(azure.auths) == ["Basic Authentication", "Connection String Based Authentication"]
    assert list(aws.auths) == ["Basic Authentication"]
    assert (azure.version, azure.read_at.tzinfo is not None) == ("1.0", True)


async def test_look_at_a_spec_that_is_not_there_says_so_at_once(tmp_path: Path) -> None:
    """A service's own 404 is an answer: nothing is asked again, and nothing stops."""
    async with Bench(tmp_path) as bench:
        bench.emulator.withdraw(POSTGRES)
        async with looking(bench) as (engine, looker):
            found = await looker.look([DEV])
            assert (engine.run.this_run.lookups, engine.stops.reported) == (1, None)
    assert isinstance(found[DEV], NotOffered)


@pytest.mark.parametrize(
    "fault", ["get_status_500", "get_cut_body", "get_bad_json", "get_odd_shape", "get_status_429:1"]
)
async def test_look_through_a_trouble_is_repeated_until_it_is_over(tmp_path: Path, fault: str) -> None:
    """A lookup changes nothing, so it may be asked again."""
    async with Bench(tmp_path, faults(fault)) as bench, looking(bench) as (engine, looker):
        found = await looker.look([DEV])
        assert engine.run.this_run.lookups == 2
    assert isinstance(found[DEV], ServiceSpec)


async def test_look_at_what_stays_in_trouble_is_not_known_and_says_why(tmp_path: Path) -> None:
    """Four tries, then it is told."""
    async with Bench(tmp_path, faults(*["get_status_500"] * 4)) as bench, looking(bench) as (_, looker):
        found = await looker.look([DEV])
    assert found[DEV] == Unknown("An internal error has occurred. Please try again.")


async def test_look_at_an_answer_that_stays_odd_says_what_is_odd(tmp_path: Path) -> None:
    """A service that goes on answering so means it."""
    async with Bench(tmp_path) as bench:
        bench.emulator.offer(OfferedSpec(document={"id": POSTGRES, "authSpec": "none"}))
        async with looking(bench) as (engine, looker):
            found = await looker.look([DEV])
            assert (engine.run.this_run.lookups, engine.stops.reported) == (4, None)
    assert found[DEV] == OddSpec(DEV, "it has no list of auth specs")


async def test_look_without_permission_stops_and_says_why(tmp_path: Path) -> None:
    """The gateway refuses everybody: nothing else would pass either."""
    async with Bench(tmp_path, faults("get_status_403")) as bench, looking(bench) as (engine, looker):
        found = await looker.look([DEV])
        stopped = engine.stops.reported
    assert found[DEV] == Unknown("Profile is not valid")
    assert stopped is not None
    assert (stopped.scope, "403025" in stopped.reason) == (Scope.RUN, True)


async def test_look_at_a_sandbox_that_is_not_there_parks_it_and_others_are_seen(tmp_path: Path) -> None:
    """One wrong name in an inventory does not hide what is true of the others."""
    nowhere = Place("nowhere", POSTGRES)
    async with Bench(tmp_path) as bench, looking(bench) as (engine, looker):
        found = await looker.look([nowhere, DEV])
        stopped = engine.stops.reported
    assert isinstance(found[nowhere], Unknown)
    assert isinstance(found[DEV], ServiceSpec)
    assert stopped is not None
    assert stopped.scope is Scope.SANDBOX


class _Echoing:
    """A gateway that repeats the request in its refusal."""

    async def show_spec(self, place: Place, token: Token) -> Reply | Fault:
        """Refuse, with everything that was sent."""
        text = f"bad request to {place.sandbox}: Authorization: Bearer {token.value.get_secret_value()}"
        return Reply(403, {"error_code": "403025", "message": text})


async def test_look_that_is_answered_with_the_token_in_it_never_shows_it(tmp_path: Path) -> None:
    """What a gateway writes back is redacted, of lookups too."""
    async with Bench(tmp_path) as bench, looking(bench, _Echoing()) as (engine, looker):
        found = await looker.look([DEV])
        stopped = engine.stops.reported
        token = engine.run.gate._token
    assert token is not None
    assert stopped is not None
    told = f"{found} {stopped}"
    assert "bad request to dev: Authorization: Bearer ***" in told
    assert token.value.get_secret_value() not in told
