"""What a request must carry before any route looks at it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from tests.integration.emulator.client import Client, code_of, create_body

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start

CASES = [
    pytest.param({"Authorization": None}, 403, "403010", id="no-token"),
    pytest.param({"Authorization": "Basic dTpw"}, 403, "403010", id="no-bearer"),
    pytest.param({"Authorization": "Bearer made-up"}, 401, "401013", id="unknown-token"),
    pytest.param({"x-api-key": None}, 403, "403000", id="no-api-key"),
    pytest.param({"x-api-key": "stranger"}, 403, "403003", id="wrong-api-key"),
    pytest.param({"x-gw-ims-org-id": None}, 400, "400003", id="no-org"),
    pytest.param({"x-gw-ims-org-id": "OTHER@AdobeOrg"}, 403, "403027", id="wrong-org"),
    pytest.param({"x-sandbox-name": None}, 400, "2105-400", id="no-sandbox"),
    pytest.param({"x-sandbox-name": "nowhere"}, 404, "2100-404", id="unknown-sandbox"),
    pytest.param({"x-sandbox-name": "*"}, 403, "2111-403", id="all-sandboxes"),
    pytest.param({"x-sandbox-id": "1bd86660"}, 400, "2110-400", id="sandbox-id"),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("headers", "status", "code"), CASES)
async def test_header_missing_or_wrong_gives_its_documented_code(
    start: Start, method: str, headers: dict[str, str | None], status: int, code: str
) -> None:
    """Every header has its own error, and nothing is created."""
    client = await start(any_org=False)
    body = create_body() if method == "POST" else None
    answer = await client.send(method, "/connections", body=body, headers=headers)
    assert (answer.status, code_of(answer)) == (status, code)
    assert client.books.all_connections() == []


async def test_headers_any_org_takes_every_client_and_org(client: Client) -> None:
    """With `any_org` neither client id nor organisation is compared."""
    headers = {"x-api-key": "anybody", "x-gw-ims-org-id": "ANY@AdobeOrg"}
    assert (await client.send("GET", "/connections", headers=headers)).status == 200


@pytest.mark.parametrize(
    "content_type", [pytest.param("text/plain", id="wrong"), pytest.param(None, id="missing")]
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_content_type_other_than_json_gives_the_framework_shape(
    client: Client, method: str, content_type: str | None
) -> None:
    """A body that does not call itself JSON is refused by the framework, in the fourth error shape."""
    path = "/connections" if method == "POST" else "/connections/some-id"
    answer = await client.send(method, path, body=create_body(), headers={"Content-Type": content_type})
    assert answer.status == 400
    assert answer.json["title"] == "BadRequestError"
    assert answer.json["type"] == "/placeholder/type/uri"
    assert answer.json["detail"]


async def test_flow_service_error_has_type_report_and_request_id(client: Client) -> None:
    """The second error shape carries its code in the type URI and a request id in the report."""
    answer = await client.send("GET", "/connections", headers={"x-sandbox-name": "nowhere"})
    body = answer.json
    assert body["type"] == "https://ns.adobe.com/aep/errors/FLOW-2100-404"
    assert body["status"] == 404
    assert body["report"]["detailed-message"] == body["errorMessage"] == body["errorDetails"] == body["title"]
    assert len(body["report"]["request-id"]) == 36


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [pytest.param("GET", "/nowhere", 404, id="path"), pytest.param("PUT", "/connections", 405, id="method")],
)
async def test_unknown_route_gives_a_plain_error_that_is_counted(
    client: Client, method: str, path: str, status: int
) -> None:
    """A wrong path or method gets the web server's own answer, and the books know it."""
    answer = await client.send(method, path)
    assert answer.status == status
    assert client.books.answers() == {status: 1}


async def test_body_beyond_the_maximum_gives_413(client: Client) -> None:
    """A body of more than a megabyte is refused."""
    answer = await client.send("POST", "/connections", data=BytesIO(b" " * (1024**2 + 1)))
    assert answer.status == 413
    assert client.books.answers() == {413: 1}
