"""Connection specs that a test decides on: shown as they are, and asked of requests as far as they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.emulator import OfferedSpec
from tests.integration.emulator.client import BASIC, MYSQL, POSTGRESQL, Client, code_of

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start

OWN = "11111111-2222-4333-8444-555555555555"


def document(spec: object, spec_id: str = OWN, **changes: object) -> dict[str, Any]:
    """Give a connection spec with one auth spec of this schema."""
    listed = [{"name": "Own", "type": "own", "spec": spec}]
    return {"id": spec_id, "name": "own-source", "version": "1.0", "authSpec": listed, **changes}


def body(params: dict[str, Any], spec_id: str = OWN, auth: str = "Own") -> dict[str, Any]:
    """Give the body of a POST for it."""
    return {
        "name": "one",
        "auth": {"specName": auth, "params": params},
        "connectionSpec": {"id": spec_id, "version": "1.0"},
    }


async def test_offered_spec_is_shown_and_asked_of_requests(client: Client) -> None:
    """A source that no page describes can be onboarded here; its secrets are known from its schema."""
    spec = {
        "type": "object",
        "properties": {"host": {"type": "string"}, "pin": {"type": "integer", "format": "password"}},
        "required": ["host"],
        "additionalProperties": False,
    }
    assert (await client.send("POST", "/connections", body=body({}))).status == 400
    assert (await client.admin("POST", "/specs", {"document": document(spec)})).status == 201
    answer = await client.send("GET", f"/connectionSpecs/{OWN}", headers={"x-sandbox-name": "dev-aws"})
    assert answer.json == {"items": [document(spec)]}
    assert code_of(await client.send("POST", "/connections", body=body({}))) == "1304-400"
    assert code_of(await client.send("POST", "/connections", body=body({"host": "h", "x": 1}))) == "1312-400"
    assert (await client.send("POST", "/connections", body=body({"host": "h", "pin": 5}))).status == 201
    (item,) = (await client.listing()).json["items"]
    assert item["auth"]["params"] == {"host": "h"}


async def test_offered_form_of_a_documented_spec_takes_its_place_on_one_cloud(client: Client) -> None:
    """The other cloud goes on as documented."""
    spec = document({"required": ["realm"]}, POSTGRESQL)
    client.emulator.offer(OfferedSpec(document=spec, clouds=("azure",)))
    assert code_of(await client.create("a")) == "1415-400"
    request = body({"realm": "r"}, POSTGRESQL)
    assert (await client.send("POST", "/connections", body=request)).status == 201
    shown = await client.send("GET", f"/connectionSpecs/{POSTGRESQL}", headers={"x-sandbox-name": "prod-aws"})
    assert [one["name"] for one in shown.json["items"][0]["authSpec"]] == [BASIC]


@pytest.mark.parametrize(
    "spec",
    [
        None,
        "no schema",
        {"properties": "none"},
        {"properties": {"a": 5}},
        {"$ref": "#"},
        {"$ref": "http://127.0.0.1:1/schema"},
        {"pattern": "("},
    ],
    ids=str,
)
async def test_offered_schema_that_cannot_be_followed_asks_nothing(client: Client, spec: object) -> None:
    """However odd it is, it is shown, and requests pass."""
    client.emulator.offer(OfferedSpec(document=document(spec)))
    assert (await client.send("POST", "/connections", body=body({"a": "b"}))).status == 201
    shown = await client.send("GET", f"/connectionSpecs/{OWN}")
    assert shown.json["items"][0]["authSpec"][0]["spec"] == spec


@pytest.mark.parametrize("listed", [None, {}, ["Own"], [{"spec": {}}], [{"name": 5}]], ids=str)
async def test_offered_document_of_an_odd_shape_is_shown_and_knows_no_auth_spec(
    client: Client, listed: object
) -> None:
    """Nothing but the id is asked of a document."""
    client.emulator.offer(OfferedSpec(document={"id": OWN, "authSpec": listed}))
    assert code_of(await client.send("POST", "/connections", body=body({}))) == "1415-400"
    assert (await client.send("GET", f"/connectionSpecs/{OWN}")).json["items"][0]["authSpec"] == listed
    assert (await client.send("GET", "/connectionSpecs", params=[("property", "name==x")])).status == 200


async def test_withdrawn_spec_is_known_no_longer(client: Client) -> None:
    """As in an organisation that the source is not offered to."""
    assert (await client.admin("DELETE", f"/specs/{POSTGRESQL}")).status == 204
    answer = await client.send("GET", f"/connectionSpecs/{POSTGRESQL}")
    assert answer.status == 404
    assert POSTGRESQL in answer.json["errorMessage"]
    assert code_of(await client.create("a")) == "1413-400"
    client.emulator.withdraw(MYSQL)
    assert (await client.send("GET", f"/connectionSpecs/{MYSQL}")).status == 404


@pytest.mark.parametrize("document", [{}, {"id": 5}, None])
async def test_offer_without_an_id_is_refused(client: Client, document: object) -> None:
    """It could not be asked for."""
    answer = await client.admin("POST", "/specs", {"document": document})
    assert answer.status == 400
    assert "document" in answer.json["error"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [("get_status_500", 500), ("get_status_403", 403), ("get_hide", 404), ("get_status_404_plain", 404)],
)
async def test_lookup_of_a_spec_meets_the_faults_of_lookups(start: Start, fault: str, status: int) -> None:
    """A lookup is a lookup; the next one succeeds."""
    client = await start(faults={"queue": [fault]})
    assert (await client.send("GET", f"/connectionSpecs/{POSTGRESQL}")).status == status
    assert (await client.send("GET", f"/connectionSpecs/{POSTGRESQL}")).status == 200
    assert client.books.faults() == {fault: 1}
