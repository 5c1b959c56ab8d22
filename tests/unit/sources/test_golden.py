"""Every documented request body comes out equal, from CSV and from JSON, by the road that a run takes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.request import build_request
from bulkconn.core.validation import Validated, Validator
from bulkconn.inventory.inventory import Inventory
from bulkconn.sources import ALL

_GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
_SHARED = Path(__file__).parents[4] / "shared" / "flow-service" / "examples.json"
_AUTHS = {"Connection String Based Authentication": "connection_string", "Basic Authentication": "basic"}

#: The documented bodies of basic authentication are templates. Their placeholders get values here, the
#: same ones in the inventory and in the expected body, because a port or an SSL mode is checked.
#: Whole connection strings go through untouched, placeholders included.
_FILLED = {"{SERVER}": "db.example.com", "{PORT}": "5432", "{DATABASE}": "acme", "{USERNAME}": "reader"}
_FILLED |= {"{PASSWORD}": "xxxx", "{SCHEMA}": "public"}
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
    assert result.warnings == ()
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
def test_bodies_of_the_founding_documents_are_equal(form: str, tmp_path: Path) -> None:
    """The examples that the project was founded on come out equal, as they stand beside the repository."""
    if not _SHARED.exists():
        pytest.skip("the collected examples are not at hand; the copies in golden/ are tested above")
    examples = json.loads(_SHARED.read_text(encoding="utf-8"))
    seeds = [example for example in examples if example["path"].startswith("seeds/")]
    assert len(seeds) >= len(_GOLDEN)
    for example in seeds:
        facts = {"platform_cloud": example["cloud"], "auth": _AUTHS[example["specName"]]}
        _check({**example, **facts}, tmp_path, form)
