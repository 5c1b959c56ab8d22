"""Every fault of a GET: the only complete answer is a complete 200."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.integration.emulator.client import Client, code_of

if TYPE_CHECKING:
    from tests.integration.emulator.client import Answer
    from tests.integration.emulator.conftest import Start


async def with_two(start: Start, *faults: str) -> Client:
    """Start an emulator with two connections and these faults for lookups."""
    client = await start(faults={"queue": list(faults)})
    for name in ("a", "b"):
        await client.create(name)
    return client


async def by_list(client: Client) -> Answer:
    """Look by listing, oldest first."""
    return await client.listing(("orderby", "createdAt"))


async def by_id(client: Client) -> Answer:
    """Look up the oldest connection by its id."""
    return await client.send("GET", f"/connections/{client.books.all_connections()[0].id}")


BOTH = pytest.mark.parametrize("look", [by_list, by_id])


@BOTH
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        pytest.param("get_status_500", 500, "1102-500", id="get_status_500"),
        pytest.param("get_status_429:3", 429, "429050", id="get_status_429"),
    ],
)
async def test_lookup_error_fault_gives_its_status_once(
    start: Start, look: object, fault: str, status: int, code: str
) -> None:
    """A lookup may fail, and the next one succeeds."""
    assert callable(look)
    client = await with_two(start, fault)
    answer = await look(client)
    assert (answer.status, code_of(answer)) == (status, code)
    assert answer.headers.get("Retry-After") == ("3" if status == 429 else None)
    assert (await look(client)).status == 200


@BOTH
async def test_lookup_404_plain_looks_like_absence_but_has_no_shape(start: Start, look: object) -> None:
    """A 404 that is not Flow Service's says nothing about the connection."""
    assert callable(look)
    client = await with_two(start, "get_status_404_plain")
    answer = await look(client)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/plain")


@BOTH
async def test_lookup_reset_breaks_the_connection(start: Start, look: object) -> None:
    """A lookup may end in a reset. aiohttp itself repeats a GET once, so it takes two to see one."""
    assert callable(look)
    client = await with_two(start, "get_reset", "get_reset")
    with pytest.raises(aiohttp.ClientOSError):
        await look(client)
    assert client.books.unanswered == 2
    assert (await look(client)).status == 200


@BOTH
async def test_lookup_cut_body_breaks_off_within_the_items(start: Start, look: object) -> None:
    """The status is 200, the body is not whole."""
    assert callable(look)
    client = await with_two(start, "get_cut_body")
    with pytest.raises(aiohttp.ClientPayloadError):
        await look(client)


@BOTH
async def test_lookup_bad_json_and_odd_shape_are_no_listings(start: Start, look: object) -> None:
    """200 alone is no answer: the body may be no JSON, or its items no list."""
    assert callable(look)
    client = await with_two(start, "get_bad_json", "get_odd_shape")
    broken = await look(client)
    assert broken.status == 200
    with pytest.raises(ValueError, match="Expecting"):
        _ = broken.json
    assert (await look(client)).json == {"items": {}}


@BOTH
async def test_lookup_slow_is_right_and_late(start: Start, look: object) -> None:
    """A slow lookup gives the right answer in the end."""
    assert callable(look)
    client = await with_two(start, "get_slow:0.2")
    began = time.monotonic()
    assert (await look(client)).status == 200
    assert time.monotonic() - began >= 0.2


async def test_listing_hide_leaves_one_item_out_once(start: Start) -> None:
    """An otherwise whole listing lacks one connection; the next one has it."""
    client = await with_two(start, "get_hide")
    assert (await by_list(client)).names == ["b"]
    assert (await by_list(client)).names == ["a", "b"]


async def test_lookup_by_id_hide_gives_404_once(start: Start) -> None:
    """A lookup by id finds nothing; the next one does."""
    client = await with_two(start, "get_hide")
    assert (await by_id(client)).status == 404
    assert (await by_id(client)).status == 200


async def test_listing_repeat_token_leads_to_the_same_page_for_ever(start: Start) -> None:
    """The token of the fault is given again with every page, although there is no fault any more."""
    client = await with_two(start, "get_repeat_token")
    token = (await by_list(client)).token
    assert token is not None
    for _ in range(3):
        answer = await client.listing(("continuationToken", token))
        assert answer.names == ["a", "b"]
        assert answer.token == token


@pytest.mark.parametrize(
    ("limit", "rest"), [pytest.param("1", ["b"], id="more-to-come"), pytest.param("5", [], id="last-page")]
)
async def test_listing_foreign_next_has_a_right_token_on_a_wrong_host(
    start: Start, limit: str, rest: list[str]
) -> None:
    """The next link leads to another host; its token, used here, goes on correctly."""
    client = await with_two(start, "get_foreign_next")
    first = await client.listing(("orderby", "createdAt"), ("limit", limit))
    assert first.json["_links"]["next"]["href"].startswith("https://flowservice.invalid/")
    assert (await client.listing(("continuationToken", first.token or ""))).names == rest


async def test_listing_foreign_next_of_an_empty_listing_leads_to_nothing(start: Start) -> None:
    """Even an empty listing can carry a foreign link; it ends there."""
    client = await start(faults={"queue": ["get_foreign_next"]})
    first = await by_list(client)
    assert first.names == []
    assert first.token is not None
    assert (await client.listing(("continuationToken", first.token))).token is None
