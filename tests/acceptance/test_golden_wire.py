"""What goes over the wire equals the documented bodies, from CSV and from JSON, by the command itself."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.middleman import Exchange, Middleman
from tests.acceptance.process import Workplace, as_csv, bare_environment

_GOLDEN = sorted((Path(__file__).parents[1] / "unit" / "sources" / "golden").glob("*.json"))
#: The documented bodies of basic authentication are templates; whole connection strings go as they are.
_FILLED = {
    "{SERVER}": "db.example.com",
    "{PORT}": "5432",
    "{DATABASE}": "acme",
    "{USERNAME}": "reader",
    "{PASSWORD}": "xxxx",
    "{SCHEMA}": "public",
}
_SSL_MODE = {"azure": "Require", "aws": "true"}


def _answer(exchange: Exchange) -> None:
    if exchange.method == "GET":
        exchange.status, exchange.answer = 200, b'{"items": [], "_links": {}}'
    else:
        created = {"id": str(uuid.uuid4()), "etag": '"1"'}
        exchange.status, exchange.answer = 201, json.dumps(created).encode()
    exchange.answer_headers = {"Content-Type": "application/json"}


def _examples() -> dict[str, dict[str, Any]]:
    """Give the documented examples by a sandbox of their own, because some share a name."""
    examples = {}
    for number, path in enumerate(_GOLDEN):
        example = json.loads(path.read_text("utf-8"))
        values = {**_FILLED, "{SSL_MODE}": _SSL_MODE[example["platform_cloud"]]}
        params = example["body"]["auth"]["params"]
        params.update({name: values.get(value, value) for name, value in params.items()})
        examples[f"sandbox-{number}"] = example
    return examples


def _row(sandbox: str, example: dict[str, Any]) -> dict[str, str]:
    body = example["body"]
    return {
        "name": body["name"],
        "source": example["source"],
        "platform_cloud": example["platform_cloud"],
        "auth": example["auth"],
        "sandbox": sandbox,
        "description": body["description"],
    }


@pytest.mark.parametrize("form", ["csv", "json"])
def test_bodies_on_the_wire_equal_the_documented_ones(form: str, tmp_path: Path) -> None:
    """Spec ids, versions, names and parameters arrive as documented, ports as strings."""
    examples = _examples()
    rows = {sandbox: _row(sandbox, one) for sandbox, one in examples.items()}
    params = {sandbox: one["body"]["auth"]["params"] for sandbox, one in examples.items()}
    with Middleman(answer=_answer) as middleman:
        env = {
            **bare_environment(),
            **middleman.env,
            "BULKCONN_ACCESS_TOKEN": "golden-token",
            "BULKCONN_CLIENT_ID": "golden-client",
            "BULKCONN_ORG_ID": "GOLDEN@AdobeOrg",
        }
        place = Workplace(tmp_path, env)
        if form == "csv":
            place.write("golden.csv", as_csv([rows[one] | params[one] for one in rows]))
        else:
            place.write("golden.json", json.dumps([{**rows[one], "params": params[one]} for one in rows]))
        ended = place.run("run", f"golden.{form}", "--rate", "100")
        assert ended.code == 0, (ended.out, ended.err)
        posts = [one for one in middleman.api if one.method == "POST"]
    assert {one.headers["x-sandbox-name"]: json.loads(one.body) for one in posts} == {
        sandbox: one["body"] for sandbox, one in examples.items()
    }
    assert len(posts) == len(examples) == len(_GOLDEN) > 10
    for one in posts:
        assert one.target == "/data/foundation/flowservice/connections"
        assert one.headers["authorization"] == "Bearer golden-token"
        assert one.headers["x-api-key"] == "golden-client"
        assert one.headers["x-gw-ims-org-id"] == "GOLDEN@AdobeOrg"
        assert one.headers["content-type"] == "application/json"
        assert one.headers["user-agent"].startswith("bulkconn/")
