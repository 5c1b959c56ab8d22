"""Adobe's own OpenAPI file accepts every request that the client makes, where the file is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from bulkconn.core.protocols import PageQuery, Token
from bulkconn.flowservice import ClientSettings, FlowService
from tests.fakes.scripted_server import CREATED, Received, ScriptedServer
from tests.integration.flowservice.values import TurnedClock

if TYPE_CHECKING:
    from openapi_core import OpenAPI

    from bulkconn.core.endpoint import ConnectionRequest

OPENAPI = Path(__file__).parents[3] / ".." / "shared" / "flow-service" / "openapi.yaml"
BASE_PATH = "/data/foundation/flowservice"


@pytest.fixture(scope="module")
def openapi() -> OpenAPI:
    """Load the file, or skip."""
    if not OPENAPI.exists():
        pytest.skip("Adobe's openapi.yaml is not at hand")
    openapi_core = pytest.importorskip("openapi_core")
    content = yaml.safe_load(OPENAPI.read_text())
    # The file leaves the scheme of its server out, which openapi-core does not match with any URL.
    content["servers"] = [{"url": f"https://platform.adobe.io{BASE_PATH}"}]
    loaded: OpenAPI = openapi_core.OpenAPI.from_dict(content)
    return loaded


class AsOpenApi:
    """A request as it went over the wire, in the form that openapi-core reads."""

    def __init__(self, received: Received) -> None:
        from openapi_core.datatypes import RequestParameters  # noqa: PLC0415 - skipped where it is absent
        from werkzeug.datastructures import Headers, ImmutableMultiDict  # noqa: PLC0415 - likewise

        parts = urlsplit(received.target)
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(parts.query)), header=Headers(received.headers)
        )
        self.host_url = "https://platform.adobe.io"
        self.path = parts.path
        self.method = received.method.lower()
        self.body = received.body or None
        self.content_type = received.headers.get("content-type", "")


QUERIES = {
    "first-page": PageQuery("prod"),
    "by-name": PageQuery("prod", (("name", "a b&c"), ("connectionSpec.id", "74a1"))),
    "next-page": PageQuery("prod", order_by="createdAt", continuation_token="a+b="),
    "count": PageQuery("prod", count=True),
}


async def received_from(
    settings: ClientSettings, token: Token, sent: PageQuery | ConnectionRequest
) -> Received:
    """Send a request and give what arrived."""
    async with (
        ScriptedServer(CREATED) as server,
        FlowService(f"{server.url}{BASE_PATH}", settings, TurnedClock()) as service,
    ):
        if isinstance(sent, PageQuery):
            await service.list_page(sent, token)
        else:
            await service.create(sent, token)
    return server.requests[0]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
async def test_list_page_request_is_valid(
    query: PageQuery, openapi: OpenAPI, settings: ClientSettings, token: Token
) -> None:
    """Every query is one that the file declares."""
    openapi.validate_request(AsOpenApi(await received_from(settings, token, query)))


async def test_create_request_is_valid(
    openapi: OpenAPI, settings: ClientSettings, token: Token, request_to_send: ConnectionRequest
) -> None:
    """The body and the headers are those that the file declares."""
    openapi.validate_request(AsOpenApi(await received_from(settings, token, request_to_send)))


async def test_create_request_without_its_spec_is_not_valid(
    openapi: OpenAPI, settings: ClientSettings, token: Token, request_to_send: ConnectionRequest
) -> None:
    """The check is one: what lacks a required field does not pass."""
    from openapi_core.exceptions import OpenAPIError  # noqa: PLC0415 - skipped where it is absent

    received = await received_from(settings, token, request_to_send)
    spoilt = Received(received.method, received.target, received.headers, b'{"name": "n"}')
    with pytest.raises(OpenAPIError):
        openapi.validate_request(AsOpenApi(spoilt))
