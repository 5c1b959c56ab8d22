"""The requests about connections that exist: shown, tested, explored, changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aioresponses import aioresponses
from pydantic import SecretStr
from yarl import URL

from bulkconn.core.endpoint import ConnectionRequest
from bulkconn.core.names import ConnectionId
from bulkconn.core.protocols import ConnectionPlace
from bulkconn.core.reply import Fault, FaultKind, Reply
from bulkconn.flowservice import ClientSettings, FlowService
from tests.integration.flowservice.values import PASSWORD

if TYPE_CHECKING:
    from bulkconn.core.protocols import Clock, Token

BASE = "https://platform.test/data/foundation/flowservice"
ETAG = '"5100b3a7-0000-0200-0000-5f8f3e9d0000"'
PLACE = ConnectionPlace("prod", ConnectionId("c0ffee00-0000-4000-8000-000000000001"))


@pytest.mark.parametrize(
    ("method", "path"), [("show", ""), ("test", "/test"), ("explore", "/explore?objectType=root")]
)
@pytest.mark.parametrize(
    ("connection_id", "segment"),
    [(PLACE.connection_id, str(PLACE.connection_id)), ("../x?y=1#z", "..%2Fx%3Fy%3D1%23z")],
)
async def test_question_about_a_connection_is_one_get_in_its_sandbox(
    settings: ClientSettings,
    clock: Clock,
    token: Token,
    *,
    method: str,
    path: str,
    connection_id: str,
    segment: str,
) -> None:
    """One GET without a body; an id is one segment of the path, whatever is in it."""
    url = URL(f"{BASE}/connections/{segment}{path}", encoded=True)
    place = ConnectionPlace("prod", ConnectionId(connection_id))
    with aioresponses() as mocked:
        mocked.get(url, payload={"result": True})
        async with FlowService(BASE, settings, clock) as service:
            answer = await getattr(service, method)(place, token)
        [((verb, asked), [call])] = mocked.requests.items()
    assert isinstance(answer, Reply)
    assert (verb, asked) == ("GET", url)
    assert call.kwargs["data"] is None
    assert call.kwargs["headers"]["x-sandbox-name"] == "prod"
    assert "If-Match" not in call.kwargs["headers"]


async def test_change_params_is_one_patch_of_the_whole_set_guarded_by_the_etag(
    settings: ClientSettings, clock: Clock, token: Token
) -> None:
    """A JSON Patch that replaces `/auth/params`; the etag goes out with the quotes that it came with."""
    url = URL(f"{BASE}/connections/{PLACE.connection_id}")
    request = ConnectionRequest(
        name="n",
        description="d",
        auth_spec_name="Basic",
        auth_params={"server": "h", "usePrivateLink": True, "limit": "7", "password": SecretStr(PASSWORD)},
        connection_spec_id="74a1",
        connection_spec_version="1.0",
        sandbox="prod",
        types={"limit": ("integer",)},
    )
    with aioresponses() as mocked:
        mocked.patch(url, payload={"id": PLACE.connection_id, "etag": '"new"'})
        async with FlowService(BASE, settings, clock) as service:
            answer = await service.change_params(PLACE, ETAG, request, token)
        [((verb, asked), [call])] = mocked.requests.items()
    assert isinstance(answer, Reply)
    assert (verb, asked) == ("PATCH", url)
    assert json.loads(call.kwargs["data"]) == [
        {
            "op": "replace",
            "path": "/auth/params",
            "value": {"server": "h", "usePrivateLink": True, "limit": 7, "password": PASSWORD},
        }
    ]
    headers = call.kwargs["headers"]
    assert (headers["If-Match"], headers["Content-Type"]) == (ETAG, "application/json")


@pytest.mark.parametrize(
    ("place", "etag", "value"),
    [
        (ConnectionPlace("a\nb", PLACE.connection_id), ETAG, "h"),
        (PLACE, 'x"\r\nA: b', "h"),
        (PLACE, "ü", "h"),
        (PLACE, ETAG, "\ud800"),
    ],
    ids=["sandbox", "etag of two lines", "etag beyond ASCII", "half a character"],
)
async def test_change_params_that_nothing_can_carry_is_not_sent(
    settings: ClientSettings, clock: Clock, token: Token, place: ConnectionPlace, etag: str, value: str
) -> None:
    """A line end would begin another header."""
    async with FlowService(BASE, settings, clock) as service:
        request = ConnectionRequest("n", None, "Basic", {"server": value}, "74a1", "1.0", "prod")
        answer = await service.change_params(place, etag, request, token)
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.NOT_SENT


async def test_question_in_a_sandbox_that_no_header_can_carry_is_not_sent(
    settings: ClientSettings, clock: Clock, token: Token
) -> None:
    """Neither is what only asks."""
    async with FlowService(BASE, settings, clock) as service:
        answer = await service.show(ConnectionPlace("a\nb", PLACE.connection_id), token)
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.NOT_SENT
