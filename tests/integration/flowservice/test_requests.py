"""The shape of every request that the client makes, and how replies that arrive whole are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aioresponses import aioresponses
from pydantic import SecretStr
from yarl import URL

from bulkconn import __version__
from bulkconn.core.endpoint import ConnectionRequest
from bulkconn.core.protocols import PageQuery, Token
from bulkconn.core.reply import BodyState, Fault, FaultKind, Reply
from bulkconn.flowservice import ClientSettings, FlowService
from tests.integration.flowservice.values import NOW, PASSWORD, TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bulkconn.core.protocols import Clock

BASE = "https://platform.test/data/foundation/flowservice"
CONNECTIONS = URL(f"{BASE}/connections")


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    """Stand in for the session's requests."""
    with aioresponses() as mock:
        yield mock


@pytest.fixture
async def service(settings: ClientSettings, clock: Clock) -> AsyncIterator[FlowService]:
    """Give an open client; the slash at the end of its base URL must not matter."""
    async with FlowService(f"{BASE}/", settings, clock) as service:
        yield service


def sent(mocked: aioresponses) -> tuple[str, URL, dict[str, Any]]:
    """Give method, URL and arguments of the one request."""
    [((method, url), [call])] = mocked.requests.items()
    return method, url, call.kwargs


async def test_create_sends_the_documented_request(
    service: FlowService, mocked: aioresponses, request_to_send: ConnectionRequest, token: Token
) -> None:
    """One POST with the five headers and the body in clear, and nothing that follows redirects."""
    mocked.post(CONNECTIONS, status=201, payload={"id": "c1"})
    await service.create(request_to_send, token)
    method, url, arguments = sent(mocked)
    assert (method, url) == ("POST", CONNECTIONS)
    assert dict(arguments["headers"]) == {
        "User-Agent": f"bulkconn/{__version__}",
        "Accept": "application/json",
        "Authorization": f"Bearer {TOKEN}",
        "x-api-key": "client-1",
        "x-gw-ims-org-id": "ORG@AdobeOrg",
        "x-sandbox-name": "prod",
        "Content-Type": "application/json",
    }
    assert orjson.loads(arguments["data"]) == {
        "name": "Orders & más",
        "auth": {
            "specName": "Basic Authentication",
            "params": {"server": "db1", "port": "5432", "password": PASSWORD},
        },
        "connectionSpec": {"id": "74a1c565-4e59-48d7-9d67-7c03b8a13137", "version": "1.0"},
    }
    assert arguments["allow_redirects"] is False


QUERIES: dict[str, tuple[PageQuery, str]] = {
    "first-page": (PageQuery("prod"), "limit=100"),
    "by-name": (
        PageQuery("prod", (("name", "a b&c+d%20=e,ñ/?#"), ("connectionSpec.id", "74a1")), limit=None),
        "property=name==a%20b%26c%2Bd%2520%3De%2C%C3%B1%2F%3F%23&property=connectionSpec.id==74a1",
    ),
    "next-page": (
        PageQuery("prod", limit=20, order_by="-createdAt", continuation_token="a+b/c=="),
        "limit=20&orderby=-createdAt&continuationToken=a%2Bb%2Fc%3D%3D",
    ),
    "ascending": (PageQuery("prod", order_by="+name"), "limit=100&orderby=%2Bname"),
    "count": (
        PageQuery("prod", (("state", "enabled"),), order_by="name", continuation_token="x", count=True),
        "property=state==enabled&count=true",
    ),
    "everything": (PageQuery("prod", limit=None), ""),
}


@pytest.mark.parametrize(("query", "expected"), QUERIES.values(), ids=QUERIES.keys())
async def test_list_page_query_is_encoded_whole(
    service: FlowService, mocked: aioresponses, token: Token, query: PageQuery, expected: str
) -> None:
    """No value of a filter can become another parameter, and a count goes without limit and order."""
    url = f"{CONNECTIONS}?{expected}" if expected else str(CONNECTIONS)
    mocked.get(URL(url, encoded=True), payload={"items": []})
    reply = await service.list_page(query, token)
    assert isinstance(reply, Reply), reply
    method, _, arguments = sent(mocked)
    assert method == "GET"
    assert arguments["headers"]["x-sandbox-name"] == "prod"
    assert "Content-Type" not in arguments["headers"]


HEADERS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "location": ({"Location": "/connections/c1"}, {"location": "/connections/c1"}),
    "seconds": ({"Retry-After": "7"}, {"retry_after_s": 7.0}),
    "fraction": ({"Retry-After": " 0.5 "}, {"retry_after_s": 0.5}),
    "date-on-our-clock": ({"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT"}, {"retry_after_s": 30.0}),
    "date-on-its-clock": (
        {"Retry-After": "Fri, 20 Nov 2026 13:00:30 GMT", "Date": "Fri, 20 Nov 2026 13:00:00 GMT"},
        {"retry_after_s": 30.0, "server_clock_s": 3600.0},
    ),
    "date-gone-by": ({"Retry-After": "Fri, 20 Nov 2020 12:00:00 GMT"}, {"retry_after_s": 0.0}),
    "negative": ({"Retry-After": "-5"}, {}),
    "nan": ({"Retry-After": "nan"}, {}),
    "infinite": ({"Retry-After": "1e999"}, {}),
    "a-year": ({"Retry-After": "31536000"}, {}),
    "a-century": ({"Retry-After": "Fri, 20 Nov 2126 12:00:00 GMT"}, {}),
    "no-date": ({"Retry-After": "soon", "Date": "Fri, 99 Foo 2026"}, {}),
    "date-without-zone": ({"Date": "Fri, 20 Nov 2026 11:59:50 -0000"}, {"server_clock_s": -10.0}),
    "request-id": ({"x-request-id": "r-1", "x-adobe-request-id": "r-2"}, {"request_id": "r-1"}),
    "adobe-request-id": ({"x-adobe-request-id": "r-2"}, {"request_id": "r-2"}),
    "request-id-with-blank": ({"x-request-id": "r 1"}, {}),
}


@pytest.mark.parametrize(("headers", "expected"), HEADERS.values(), ids=HEADERS.keys())
async def test_reply_headers_are_read_or_left_out(
    service: FlowService,
    mocked: aioresponses,
    request_to_send: ConnectionRequest,
    token: Token,
    headers: dict[str, str],
    expected: dict[str, Any],
) -> None:
    """Waits are seconds from now and sensible; what cannot be read is not there."""
    assert NOW.hour == 12
    mocked.post(CONNECTIONS, status=503, headers=headers)
    assert await service.create(request_to_send, token) == Reply(503, **expected)


BODIES: dict[str, tuple[bytes, object, BodyState]] = {
    "json": (b'{"id": "c1"}', {"id": "c1"}, BodyState.WHOLE),
    "json-with-bom": (b"\xef\xbb\xbf[1]\n", [1], BodyState.WHOLE),
    "empty": (b"", None, BodyState.WHOLE),
    "blank": (b" \r\n", None, BodyState.WHOLE),
    "html": (b"<html>", None, BodyState.NOT_JSON),
    "half-json": (b'{"id": ', None, BodyState.NOT_JSON),
    "nan": (b"NaN", None, BodyState.NOT_JSON),
    "latin-1": (b'"\xe9"', None, BodyState.NOT_JSON),
    "deep": (b"[" * 5000 + b"]" * 5000, None, BodyState.NOT_JSON),
}


@pytest.mark.parametrize(("raw", "body", "state"), BODIES.values(), ids=BODIES.keys())
async def test_reply_body_is_parsed_or_said_not_to_be_json(
    service: FlowService, mocked: aioresponses, token: Token, raw: bytes, body: object, state: BodyState
) -> None:
    """Only JSON is a body; an empty one is whole."""
    mocked.get(CONNECTIONS, status=200, body=raw)
    assert await service.list_page(PageQuery("prod", limit=None), token) == Reply(200, body, state)


async def test_reply_request_id_in_an_error_body_is_read(
    service: FlowService, mocked: aioresponses, request_to_send: ConnectionRequest, token: Token
) -> None:
    """Where no header has the request id, the error body's counts."""
    mocked.post(CONNECTIONS, status=400, payload={"report": {"request-id": "r-3"}})
    reply = await service.create(request_to_send, token)
    assert isinstance(reply, Reply)
    assert reply.request_id == "r-3"


async def test_create_text_that_is_no_unicode_is_not_sent(
    service: FlowService, mocked: aioresponses, token: Token
) -> None:
    """A lone surrogate cannot be sent, and says so without an exception."""
    broken = ConnectionRequest("n", None, "a", {"password": SecretStr("x\udc80")}, "spec", "1.0", "prod")
    fault = await service.create(broken, token)
    assert fault == Fault(FaultKind.NOT_SENT, "the request holds text that is not valid Unicode")
    assert not mocked.requests


async def test_requests_sandbox_that_would_break_the_header_is_not_sent(
    service: FlowService, mocked: aioresponses, token: Token
) -> None:
    """A line break in a sandbox name cannot add a header."""
    sandbox = "prod\r\nx-evil: 1"
    expected = Fault(FaultKind.NOT_SENT, "sandbox name or etag hold characters that no header can carry")
    request = ConnectionRequest("n", None, "a", {}, "spec", "1.0", sandbox)
    assert await service.create(request, token) == expected
    assert await service.list_page(PageQuery(sandbox), token) == expected
    assert not mocked.requests


async def test_requests_outside_the_session_raise(
    settings: ClientSettings, clock: Clock, token: Token
) -> None:
    """Using a closed client is a mistake of ours, not a fault of the network."""
    service = FlowService(BASE, settings, clock)
    with pytest.raises(RuntimeError, match="the door is closed"):
        await service.list_page(PageQuery("prod"), token)
    await service.__aexit__(None, None, None)
