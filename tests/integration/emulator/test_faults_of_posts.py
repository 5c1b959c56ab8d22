"""Every fault of a POST, on real sockets: what the client sees, and what is true."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from bulkconn.emulator import Fault, Place
from tests.integration.emulator.client import SECRET, TOKEN, Client, code_of, create_body

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start


async def refused(client: Client) -> bool:
    """Say whether a new connection to the emulator is refused."""
    try:
        await client.listing()
    except aiohttp.ClientConnectorError as error:
        return error.errno == errno.ECONNREFUSED
    return False


STATUSES: list[Any] = [
    pytest.param("status_500_before", 500, 0, "1102-500", id="status_500_before"),
    pytest.param("status_500_after", 500, 1, "1102-500", id="status_500_after"),
    pytest.param("status_504_after", 504, 1, "504000", id="status_504_after"),
    pytest.param("status_429", 429, 0, "429050", id="status_429"),
    pytest.param("status_400", 400, 0, "1312-400", id="status_400"),
    pytest.param("not_entitled", 400, 0, "1100-400", id="not_entitled"),
    pytest.param("status_403", 403, 0, "403025", id="status_403"),
    pytest.param("status_408", 408, 0, "1006-408", id="status_408"),
    pytest.param("status_409", 409, 0, "", id="status_409"),
    pytest.param("status_413", 413, 0, "", id="status_413"),
    pytest.param("status_422", 422, 0, "", id="status_422"),
    pytest.param("revoke_token", 401, 0, "401013", id="revoke_token"),
]


@pytest.mark.parametrize(("fault", "status", "created", "code"), STATUSES)
async def test_status_fault_gives_its_status_and_creates_as_named(
    start: Start, fault: str, status: int, created: int, code: str
) -> None:
    """A fault named `after` creates all the same, any other does not; the next POST is served."""
    client = await start(faults={"queue": [fault]})
    answer = await client.create("shop")
    assert (answer.status, code_of(answer)) == (status, code)
    assert client.books.connection_count == created
    [record] = client.books.requests("POST", "/connections")
    assert (record.status, record.fault, record.name) == (status, fault, "shop")
    assert (record.connection_id is not None) == bool(created)


@pytest.mark.parametrize(
    ("step", "retry_after"),
    [pytest.param("status_503", None, id="without"), pytest.param("status_503:7", "7", id="with")],
)
async def test_status_503_has_no_body_and_retry_after_only_if_asked(
    start: Start, step: str, retry_after: str | None
) -> None:
    """The 503 of the OpenAPI file has no body; seconds bring a Retry-After."""
    client = await start(faults={"queue": [step]})
    answer = await client.create("shop")
    assert (answer.status, answer.body) == (503, b"")
    assert answer.headers.get("Retry-After") == retry_after
    assert client.books.connection_count == 0


@pytest.mark.parametrize(
    ("fault", "status", "kind", "created"),
    [
        pytest.param("status_404_plain", 404, "text/plain", 0, id="status_404_plain"),
        pytest.param("status_429_odd", 429, "text/html", 0, id="status_429_odd"),
        pytest.param("status_429_odd_after", 429, "text/html", 1, id="status_429_odd_after"),
    ],
)
async def test_status_fault_without_json_has_no_code_and_no_retry_after(
    start: Start, fault: str, status: int, kind: str, created: int
) -> None:
    """Some answers come from machines that speak no JSON."""
    client = await start(faults={"queue": [fault]})
    answer = await client.create("shop")
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith(kind)
    assert "Retry-After" not in answer.headers
    assert client.books.connection_count == created


async def test_redirect_302_leads_to_another_host_and_creates_nothing(start: Start) -> None:
    """A redirect would carry the token elsewhere: it must not be followed."""
    client = await start(faults={"queue": ["redirect_302"]})
    answer = await client.create("shop")
    assert answer.status == 302
    assert answer.headers["Location"].startswith("https://login.invalid/")
    assert client.books.connection_count == 0


async def test_echo_repeats_the_body_secret_included(start: Start) -> None:
    """A gateway may repeat the request in its error, password and all."""
    client = await start(faults={"queue": ["echo"]})
    answer = await client.create("shop")
    assert answer.status == 400
    assert SECRET in answer.json["errorMessage"]
    assert json.dumps(create_body("shop")) in answer.json["errorDetails"]
    assert client.books.connection_count == 0
    assert SECRET not in repr(client.books.requests())


@pytest.mark.parametrize(
    ("fault", "created"),
    [
        pytest.param("reset_before", 0, id="reset_before"),
        pytest.param("reset_after_create", 1, id="reset_after_create"),
    ],
)
async def test_reset_sends_rst_and_creates_as_named(start: Start, fault: str, created: int) -> None:
    """The client sees a connection reset by its peer, not an orderly end."""
    client = await start(faults={"queue": [fault]})
    with pytest.raises(aiohttp.ClientOSError) as caught:
        await client.create("shop")
    assert caught.value.errno == errno.ECONNRESET
    assert client.books.connection_count == created
    assert client.books.unanswered == 1
    assert client.books.requests("POST")[0].status is None
    assert (await client.create("next")).status == 201


async def test_garbage_creates_and_answers_with_no_http(start: Start) -> None:
    """A line that is no HTTP reads like a 400 to aiohttp, though the connection exists."""
    client = await start(faults={"queue": ["garbage"]})
    with pytest.raises(aiohttp.ClientResponseError) as caught:
        await client.create("shop")
    assert caught.value.status == 400
    assert client.books.connection_count == 1
    assert client.books.unanswered == 1


async def test_cut_body_gives_201_without_location_and_no_whole_id(start: Start) -> None:
    """The status is 201, yet neither header nor body tell the id."""
    client = await start(faults={"queue": ["cut_body"]})
    url = f"{client.emulator.base_url}/connections"
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "x-api-key": "k",
        "x-gw-ims-org-id": "o",
        "x-sandbox-name": "dev",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=create_body(), headers=headers) as response,
    ):
        assert response.status == 201
        assert "Location" not in response.headers
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert client.books.connection_count == 1
    assert client.books.answers() == {201: 1}


@pytest.mark.parametrize(
    ("fault", "body", "has_location"),
    [
        pytest.param("bad_json", None, False, id="bad_json"),
        pytest.param("no_id", {}, False, id="no_id"),
        pytest.param("location_only", None, True, id="location_only"),
        pytest.param("body_only", {"id", "etag"}, False, id="body_only"),
    ],
)
async def test_odd_201_creates_and_tells_as_much_as_named(
    start: Start, fault: str, body: object, *, has_location: bool
) -> None:
    """201 may come without its header, without its body, or with nothing of use."""
    client = await start(faults={"queue": [fault]})
    answer = await client.create("shop")
    assert answer.status == 201
    assert ("Location" in answer.headers) == has_location
    if body is None:
        with pytest.raises(ValueError, match="Expecting"):
            _ = answer.json
    else:
        assert set(answer.json) == set(body)  # type: ignore[call-overload] # a set or a mapping
    assert client.books.connection_count == 1


async def test_slow_creates_at_once_and_answers_late(start: Start) -> None:
    """The connection exists before the answer comes."""
    client = await start(faults={"queue": ["slow:0.3"]})
    began = time.monotonic()
    pending = asyncio.create_task(client.create("shop"))
    await asyncio.sleep(0.15)
    assert client.books.connection_count == 1
    assert (await pending).status == 201
    assert time.monotonic() - began >= 0.3


async def test_slow_create_takes_effect_after_the_client_has_gone(start: Start) -> None:
    """A request whose client gave up creates its connection later all the same."""
    client = await start(faults={"queue": ["slow_create:0.3"]})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.create("shop"), timeout=0.1)
    assert client.books.connection_count == 0
    await asyncio.sleep(0.35)
    assert [one.name for one in client.books.all_connections()] == ["shop"]
    assert client.books.unanswered == 1


async def test_faults_that_create_still_refuse_a_bad_body(start: Start) -> None:
    """What would be refused is refused: a fault never creates a connection that could not be."""
    client = await start(faults={"queue": ["reset_after_create"]})
    answer = await client.create("shop", auth={"specName": "nonsense", "params": {}})
    assert code_of(answer) == "1415-400"
    assert client.books.connection_count == 0


async def test_storm_429_hits_everything_until_it_is_over(start: Start) -> None:
    """During a storm every API request is refused with the time that is left."""
    client = await start(faults={"queue": ["storm_429:1.2"]})
    first = await client.create("shop")
    second = await client.listing()
    assert [first.status, second.status] == [429, 429]
    assert first.headers["Retry-After"] == "2"
    assert second.headers["Retry-After"] in {"1", "2"}
    await asyncio.sleep(1.25)
    assert (await client.create("shop")).status == 201


async def test_outage_gives_503_to_everything_until_it_is_over(start: Start) -> None:
    """During an outage every API request gets 503; the token endpoint, another service, works."""
    client = await start(faults={"queue": ["outage:0.3"]})
    assert (await client.create("shop")).status == 503
    assert (await client.listing()).status == 503
    assert client.books.connection_count == 0
    await asyncio.sleep(0.35)
    assert (await client.create("shop")).status == 201


async def test_down_resets_what_is_open_and_refuses_until_it_is_over(start: Start) -> None:
    """Down means down: requests in flight are reset, new connections refused; then the port is back."""
    client = await start(faults={"by_name": {"slow": ["slow:5"], "fatal": ["down:0.4"]}})
    base_url = client.emulator.base_url
    pending = asyncio.create_task(client.create("slow"))
    await asyncio.sleep(0.05)
    with pytest.raises(aiohttp.ClientOSError):
        await client.create("fatal")
    with pytest.raises(aiohttp.ClientOSError):
        await pending
    assert [one.name for one in client.books.all_connections()] == ["slow"]
    assert await refused(client)
    await asyncio.sleep(0.45)
    assert client.emulator.base_url == base_url
    assert (await client.create("shop")).status == 201


async def test_down_resets_connections_kept_alive(start: Start) -> None:
    """An idle connection does not survive the fall of the service."""
    client = await start(keep_alive=True)
    assert (await client.create("first")).status == 201
    client.emulator.go_down(0.2)
    with pytest.raises(aiohttp.ClientError):
        await client.create("second")
    assert client.books.connection_count == 1


async def test_down_again_meanwhile_lasts_until_the_later_end(client: Client) -> None:
    """Two falls are not shorter than the longer of them."""
    client.emulator.go_down(0.2)
    client.emulator.go_down(0.5)
    await asyncio.sleep(0.3)
    assert await refused(client)
    await asyncio.sleep(0.3)
    assert not await refused(client)


async def test_refuse_resets_a_new_connection_and_reaches_no_route(start: Start) -> None:
    """A connection reset on accept carries no request: the books of requests stay empty."""
    client = await start(faults={"queue": ["refuse"]})
    with pytest.raises(aiohttp.ClientError):
        await client.create("shop")
    assert client.books.api_requests == 0
    assert client.books.faults() == {"refuse": 1}
    assert (await client.create("shop")).status == 201


async def test_revoke_token_makes_the_token_worthless_for_good(start: Start) -> None:
    """After the fault the same token is refused everywhere, a lookup included."""
    client = await start(faults={"queue": ["revoke_token"]})
    assert (await client.create("shop")).status == 401
    assert (await client.listing()).status == 401


async def test_script_by_name_strikes_only_that_name_in_order(start: Start) -> None:
    """A connection name can have faults of its own, one a POST; afterwards all is well."""
    client = await start(faults={"by_name": {"b": ["status_500_before", "reset_after_create"]}})
    assert (await client.create("a")).status == 201
    assert (await client.create("b")).status == 500
    with pytest.raises(aiohttp.ClientOSError):
        await client.create("b")
    assert (await client.create("b")).status == 201
    assert client.books.faults() == {"status_500_before": 1, "reset_after_create": 1}


async def test_chance_with_a_seed_strikes_the_same_requests_again(start: Start) -> None:
    """Two emulators with one seed treat the same requests alike, a third with another does not."""
    patterns = []
    for seed in (5, 5, 6):
        client = await start(seed=seed, faults={"chances": {"status_500_after": 0.3}})
        patterns.append([(await client.create(f"n{number}")).status for number in range(40)])
    assert patterns[0] == patterns[1] != patterns[2]
    assert set(patterns[0]) == {201, 500}


def test_every_fault_of_posts_is_tested_here() -> None:
    """Whoever adds a fault to the menu adds its test."""
    text = Path(__file__).read_text("utf-8")
    missing = {fault for fault in Fault if fault.place is Place.POST and f'"{fault.value}' not in text}
    assert missing == {Fault.OK}
