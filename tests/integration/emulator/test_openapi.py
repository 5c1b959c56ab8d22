"""The emulator's answers against Adobe's own OpenAPI file, where that file is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft4Validator, Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from bulkconn.emulator.settings import Cloud
from bulkconn.emulator.specs import load_catalogue

if TYPE_CHECKING:
    from tests.integration.emulator.client import Client

OPENAPI = Path(__file__).parents[4] / "shared" / "flow-service" / "openapi.yaml"


@pytest.fixture(scope="module")
def document() -> Any:
    """Give Adobe's file, or skip."""
    if not OPENAPI.exists():
        pytest.skip("Adobe's OpenAPI file does not lie beside this repository")
    return yaml.safe_load(OPENAPI.read_text("utf-8"))


def check(document: Any, schema: str, instance: object) -> None:
    """Check a body by a schema of the file; OpenAPI 3.0 schemas are close to draft 4."""
    registry = Registry().with_resource("urn:adobe", Resource.from_contents(document, DRAFT4))
    reference = {"$ref": f"urn:adobe#/components/schemas/{schema}"}
    errors = [error.message for error in Draft4Validator(reference, registry=registry).iter_errors(instance)]
    assert errors == []


async def test_answers_of_the_emulator_fit_adobes_schemas(client: Client, document: Any) -> None:
    """What the emulator answers is what Adobe's file describes."""
    created = await client.create("shop", description="first")
    check(document, "CreateConnectionResponse", created.json)
    path = f"/connections/{created.json['id']}"
    check(document, "ConnectionListResponse", (await client.listing()).json)
    check(document, "ConnectionListResponse", (await client.send("GET", path)).json)
    check(document, "TestConnectionResponse", (await client.send("GET", f"{path}/test")).json)
    explored = (await client.send("GET", f"{path}/explore", params=[("objectType", "root")])).json
    check(document, "ExploreConnectionResponse", explored)
    specs = (await client.send("GET", "/connectionSpecs")).json
    assert len(specs["items"]) == 22
    for item in specs["items"]:
        # The file describes `spec` as a flat placeholder; the tutorials show a JSON Schema there.
        bare = {key: value for key, value in item.items() if key != "authSpec"}
        check(document, "ConnectionSpecItemDTO", bare)


def test_routes_of_the_emulator_are_in_adobes_file(document: Any) -> None:
    """Every path that the emulator serves is one that Adobe's file has, with the same methods."""
    paths = document["paths"]
    assert {"get", "post"} <= set(paths["/connections"])
    assert {"delete", "patch"} <= set(paths["/connections/{BASE_CONNECTION_ID}/"])
    assert "get" in paths["/connections/{BASE_CONNECTION_ID}"]
    assert "get" in paths["/connections/{BASE_CONNECTION_ID}/test"]
    assert "get" in paths["/connections/{BASE_CONNECTION_ID}/explore"]
    assert "get" in paths["/connectionSpecs/{CONNECTION_SPEC_ID}"]


@pytest.mark.parametrize("cloud", list(Cloud), ids=str)
def test_schemas_of_the_emulator_are_valid_draft_7(cloud: Cloud) -> None:
    """The auth specs are JSON Schemas of the draft that they name."""
    for spec in load_catalogue().documents(cloud):
        for auth in spec["authSpec"]:
            Draft7Validator.check_schema(auth["spec"])
            assert auth["spec"]["$schema"] == "http://json-schema.org/draft-07/schema#"
