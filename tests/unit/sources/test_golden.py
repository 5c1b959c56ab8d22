"""Every documented request body comes out equal, from CSV and from JSON, by the road that a run takes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.request import build_request
from bulkconn.core.validation import Invalid, Validated, Validator
from bulkconn.inventory.inventory import Inventory
from bulkconn.sources import ALL, find_source

_GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
_SHARED = Path(__file__).parents[4] / "shared" / "flow-service" / "examples.json"
#: Documented bodies that a newer page contradicts, by source, cloud and parameters, and why we refuse them.
_CONTRADICTED = {
    # The AWS section of 2025 is gone from the page of 2026, and the catalogue lists Azure alone.
    ("mariadb", "aws", frozenset({"server", "database", "username", "password", "sslMode"})): (
        "mariadb is not documented on aws: the AWS section that Adobe's page had in 2025 is gone"
    ),
    # The page of 2020 had no port; the current one requires it.
    ("redshift", "azure", frozenset({"server", "database", "username", "password"})): "port is missing",
}

#: The documented bodies are templates. Placeholders of what is checked (a port, an SSL mode) get values
#: here, the same ones in the inventory and in the expected body. All else goes through untouched.
_FILLED = {"{SERVER}": "db.example.com", "{PORT}": "5432", "{DATABASE}": "acme", "{USERNAME}": "reader"}
_FILLED |= {"{PASSWORD}": "xxxx", "{SCHEMA}": "public"}
_FILLED |= {"{CONNECTION_STRING}": "Server=h;Port=1;Database=d;UID=u;PWD=p"}
_SSL_MODE = {"azure": "Require", "aws": "true"}


def _filled(body: dict[str, Any], cloud: str) -> dict[str, Any]:
    values = {**_FILLED, "{SSL_MODE}": _SSL_MODE[cloud]}
    params = {name: values.get(value, value) for name, value in body["auth"]["params"].items()}
    return {**body, "auth": {**body["auth"], "params": params}}


def _common(example: dict[str, Any], body: dict[str, Any]) -> dict[str, str]:
    return {
        "name": body["name"],
        "source": example["source"],
        "platform_cloud": example["platform_cloud"],
        "auth": example["auth"],
        "sandbox": "dev",
        "description": body["description"],
    }


def _body_of(path: Path) -> dict[str, Any]:
    with Inventory.open([path]) as inventory:
        (row,) = inventory.rows()
    assert isinstance(row, InventoryRow)
    result = Validator(ALL).validate(row)
    assert isinstance(result, Validated), result
    assert all(
        warning.column == "source" or " is missing, here and maybe in later rows; " in warning.message
        for warning in result.warnings
    )
    return build_request(result.endpoint, {}).body()


def _check(example: dict[str, Any], folder: Path, form: str) -> None:
    body = _filled(example["body"], example["platform_cloud"])
    common, params = _common(example, body), body["auth"]["params"]
    path = folder / f"golden.{form}"
    if form == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*common, *params])
            writer.writerow([*common.values(), *params.values()])
    else:
        path.write_text(json.dumps([{**common, "params": params}]), encoding="utf-8")
    assert _body_of(path) == body


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("golden", _GOLDEN, ids=lambda path: path.stem)
def test_body_of_a_documented_example_is_equal(golden: Path, form: str, tmp_path: Path) -> None:
    """The whole body equals the documented one: ids, version, names, ports as strings."""
    _check(json.loads(golden.read_text(encoding="utf-8")), tmp_path, form)


def test_golden_examples_cover_every_auth_spec() -> None:
    """No auth spec is without a documented body."""
    examples = [json.loads(path.read_text(encoding="utf-8")) for path in _GOLDEN]
    assert {(one["source"], one["platform_cloud"], one["auth"]) for one in examples} == {
        (source.slug, auth.platform_cloud, auth.auth) for source in ALL for auth in source.auths
    }


@pytest.mark.parametrize("form", ["csv", "json"])
def test_bodies_of_the_collected_examples_are_equal(form: str, tmp_path: Path) -> None:
    """Every documented body comes out equal but for those that a newer page contradicts."""
    for example in _collected():
        if not _contradiction(example):
            _check({**example, "auth": _auth_of(example)}, tmp_path, form)


def test_bodies_that_newer_pages_contradict_are_refused_with_the_reason(tmp_path: Path) -> None:
    """An older page is no reason to send what the current one does not know."""
    refused = [example for example in _collected() if _contradiction(example)]
    assert len(refused) == len(_CONTRADICTED)
    for example in refused:
        body = example["body"]
        common = {**_common({**example, "auth": "basic"}, body), "params": body["auth"]["params"]}
        path = tmp_path / "refused.json"
        path.write_text(json.dumps([common]), encoding="utf-8")
        with Inventory.open([path]) as inventory:
            (row,) = inventory.rows()
        assert isinstance(row, InventoryRow)
        result = Validator(ALL).validate(row)
        assert isinstance(result, Invalid)
        assert result.diagnostics[0].message == _contradiction(example)


def _collected() -> list[dict[str, Any]]:
    if not _SHARED.exists():
        pytest.skip("the collected examples are not at hand; the copies in golden/ are tested above")
    examples: list[dict[str, Any]] = json.loads(_SHARED.read_text(encoding="utf-8"))
    assert len(examples) > len(_CONTRADICTED)
    return [{**example, "platform_cloud": example["cloud"]} for example in examples]


def _contradiction(example: dict[str, Any]) -> str:
    way = (example["source"], example["cloud"], frozenset(example["body"]["auth"]["params"]))
    return _CONTRADICTED.get(way, "")


def _auth_of(example: dict[str, Any]) -> str:
    """Find the auth spec by what the body says: its name, and which parameters it has."""
    source = find_source(example["source"])
    assert source is not None
    (found,) = [
        auth.auth
        for auth in source.auths
        if auth.platform_cloud == example["cloud"]
        and auth.spec_name == example["specName"]
        and {what.name for what in auth.parameters} >= example["body"]["auth"]["params"].keys()
    ]
    return found
