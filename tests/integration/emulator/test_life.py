"""Starting, stopping, settings, and the words on the screen."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
from pydantic import SecretStr, ValidationError

from bulkconn.emulator import (
    Emulator,
    EmulatorSettings,
    FaultPlan,
    banner,
    serve,
)

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start


async def test_serve_runs_until_the_event_is_set() -> None:
    """`serve` calls back once it listens, and its port is free again once it ends."""
    stop, urls = asyncio.Event(), []

    def note(emulator: Emulator) -> None:
        urls.append(emulator.base_url)
        asyncio.get_running_loop().call_later(0.05, stop.set)

    await serve(EmulatorSettings(), on_ready=note, stop=stop)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(urls[0])


async def test_stop_does_not_wait_for_slow_faults(start: Start) -> None:
    """A request that would take long is cut half a second after the emulator is told to stop."""
    client = await start(faults={"queue": ["slow:60"]})
    pending = asyncio.create_task(client.create("shop"))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await client.emulator.stop()
    assert time.monotonic() - began < 2
    with pytest.raises(aiohttp.ClientError):
        await pending
    await client.emulator.stop()


async def test_stop_while_down_leaves_nothing_behind() -> None:
    """An emulator that is down can be stopped, and does not come back."""
    async with Emulator() as emulator:
        emulator.go_down(60)
    with pytest.raises(RuntimeError, match="does not run"):
        emulator.go_down(1)


async def test_start_twice_is_refused() -> None:
    """One emulator is one server."""
    async with Emulator() as emulator:
        with pytest.raises(RuntimeError, match="runs already"):
            await emulator.start()


async def test_start_on_a_taken_port_raises_oserror_and_leaks_nothing(start: Start) -> None:
    """A port that is in use is an error of the second emulator only."""
    client = await start()
    port = int(client.emulator.ims_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await Emulator(EmulatorSettings(port=port)).start()
    assert (await client.listing()).status == 200


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        pytest.param("localhost", "localhost", id="name"),
        pytest.param("0.0.0.0", "127.0.0.1", id="any-address"),  # noqa: S104 - that is what is tested
    ],
)
async def test_urls_lead_to_the_emulator_whatever_its_host(host: str, shown: str) -> None:
    """The URLs can be used as they are, also if every address is listened on."""
    async with Emulator(EmulatorSettings(host=host)) as emulator, aiohttp.ClientSession() as session:
        assert emulator.base_url.startswith(f"http://{shown}:")
        assert emulator.base_url.endswith("/data/foundation/flowservice")
        async with session.get(f"{emulator.ims_url}/emulator/books") as response:
            assert response.status == 200


async def test_faults_planned_in_the_process_strike_the_next_request(start: Start) -> None:
    """`plan_faults` works while the emulator runs."""
    client = await start()
    client.emulator.plan_faults(FaultPlan.model_validate({"queue": ["status_409"]}))
    assert [(await client.create("shop")).status for _ in range(2)] == [409, 201]


def test_banner_says_what_it_is_and_which_variables_to_set() -> None:
    """The banner denies being Adobe's service and gives a line for every variable."""
    text = banner(EmulatorSettings(), "http://127.0.0.1:8099/data/foundation/flowservice")
    assert "not Adobe's service" in text
    assert "rehearsal, demo and tests" in text
    for line in (
        "export BULKCONN_BASE_URL=http://127.0.0.1:8099/data/foundation/flowservice",
        "export BULKCONN_IMS_URL=http://127.0.0.1:8099",
        "export BULKCONN_CLIENT_ID=emulator-client",
        "export BULKCONN_CLIENT_SECRET=emulator-secret",
        "export BULKCONN_SCOPES=openid,AdobeID",
        "export BULKCONN_ORG_ID=EMULATOR@AdobeOrg",
        "export BULKCONN_SANDBOX=dev",
    ):
        assert line in text.splitlines()


def test_banner_and_repr_show_no_secret_of_the_user() -> None:
    """Only the built-in secret, which opens nothing, is ever shown."""
    settings = EmulatorSettings(client_secret=SecretStr("mine"), static_token=SecretStr("token-of-mine"))
    assert "mine" not in banner(settings, "http://127.0.0.1:1/data/foundation/flowservice")
    assert "mine" not in repr(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"sandboxes": {}}, id="no-sandbox"),
        pytest.param({"sandboxes": {"dev": "moon"}}, id="unknown-cloud"),
        pytest.param({"rate_limit_per_s": 0}, id="no-requests-at-all"),
        pytest.param({"latency_s": -1}, id="negative-latency"),
        pytest.param({"token_lifetime_s": 0}, id="dead-tokens"),
        pytest.param({"port": 70000}, id="port"),
        pytest.param({"colour": "red"}, id="unknown-setting"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    """Settings are checked when they are made."""
    with pytest.raises(ValidationError):
        EmulatorSettings.model_validate(wrong)
