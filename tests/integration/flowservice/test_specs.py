"""The request for a connection spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aioresponses import aioresponses
from yarl import URL

from bulkconn.core.reply import Fault, FaultKind, Reply
from bulkconn.core.service_spec import Place
from bulkconn.flowservice import ClientSettings, FlowService

if TYPE_CHECKING:
    from bulkconn.core.protocols import Clock, Token

BASE = "https://platform.test/data/foundation/flowservice"


@pytest.mark.parametrize(
    ("spec_id", "path"),
    [
        ("74a1c565-4e59-48d7-9d67-7c03b8a13137", "74a1c565-4e59-48d7-9d67-7c03b8a13137"),
        ("../connections?x=1#y", "..%2Fconnections%3Fx%3D1%23y"),
    ],
)
async def test_show_spec_asks_for_one_spec_as_the_sandbox_sees_it(
    settings: ClientSettings, clock: Clock, token: Token, spec_id: str, path: str
) -> None:
    """One GET; an id is one segment of the path, whatever is in it."""
    url = URL(f"{BASE}/connectionSpecs/{path}", encoded=True)
    with aioresponses() as mocked:
        mocked.get(url, payload={"items": []})
        async with FlowService(BASE, settings, clock) as service:
            answer = await service.show_spec(Place("prod", spec_id), token)
        [((method, asked), [call])] = mocked.requests.items()
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body) == (200, {"items": []})
    assert (method, asked) == ("GET", url)
    headers = call.kwargs["headers"]
    assert (headers["x-sandbox-name"], headers["x-gw-ims-org-id"]) == ("prod", "ORG@AdobeOrg")


async def test_show_spec_of_a_sandbox_that_no_header_can_carry_is_not_sent(
    settings: ClientSettings, clock: Clock, token: Token
) -> None:
    """A line end would begin another header."""
    async with FlowService(BASE, settings, clock) as service:
        answer = await service.show_spec(Place("a\nb", "x"), token)
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.NOT_SENT
