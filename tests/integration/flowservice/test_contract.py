"""Adobe's own OpenAPI file accepts every request that the client makes, where the file is at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from pydantic import SecretStr

from bulkconn.core.endpoint import ConnectionRequest
from bulkconn.core.names import ConnectionId
from bulkconn.core.protocols import ConnectionPlace, PageQuery, Token
from bulkconn.flowservice import ClientSettings, FlowService
from tests.fakes.scripted_server import CREATED, Received, ScriptedServer
from tests.integration.flowservice.values import TurnedClock

if TYPE_CHECKING:
    from openapi_core import OpenAPI

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


TO_SEND = ConnectionRequest("n", None, "Basic", {"password": SecretStr("x")}, "74a1", "1.0", "prod")
PLACE = ConnectionPlace("prod", ConnectionId("c0ffee00-0000-4000-8000-000000000001"))


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
    settings: ClientSettings, token: Token, sent: PageQuery | ConnectionRequest | str
) -> Received:
    """Send a request (a text names a question about one connection) and give what arrived."""
    async with (
        ScriptedServer(CREATED) as server,
        FlowService(f"{server.url}{BASE_PATH}", settings, TurnedClock()) as service,
    ):
        if sent == "change_params":
            await service.change_params(PLACE, '"1"', TO_SEND, token)
        elif isinstance(sent, str):
            await getattr(service, sent)(PLACE, token)
        elif isinstance(sent, PageQuery):
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


@pytest.mark.parametrize("question", ["show", "test", "explore"])
async def test_question_about_a_connection_is_valid(
    question: str, openapi: OpenAPI, settings: ClientSettings, token: Token
) -> None:
    """Path, query and headers are those that the file declares; it prints ROOT, the tutorial root."""
    received = AsOpenApi(await received_from(settings, token, question))
    from werkzeug.datastructures import ImmutableMultiDict  # noqa: PLC0415 - skipped where it is absent

    if "objectType" in received.parameters.query:
        received.parameters.query = ImmutableMultiDict({"objectType": "ROOT"})
    openapi.validate_request(received)


async def test_change_of_parameters_is_valid(
    openapi: OpenAPI, settings: ClientSettings, token: Token
) -> None:
    """Every operation is what the file declares: it prints one, in capitals, and the path with a slash.

    Tutorials and the destinations API print an array of operations in lower case, and no slash.
    """
    received = AsOpenApi(await received_from(settings, token, "change_params"))
    received.path += "/"
    assert received.body is not None
    (operation,) = json.loads(received.body)
    received.body = json.dumps({**operation, "op": operation["op"].upper()}).encode()
    openapi.validate_request(received)


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
