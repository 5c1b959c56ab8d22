"""Every request that the command makes is valid by Adobe's own OpenAPI file, where that is at hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.acceptance.middleman import Middleman

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator
    from tests.acceptance.middleman import Exchange

OPENAPI = Path(__file__).parents[3] / "shared" / "flow-service" / "openapi.yaml"


class RecordedRequest:
    """A recorded exchange as openapi-core looks at requests, at the address that the file knows."""

    host_url = "https://platform.adobe.io"

    def __init__(self, exchange: Exchange) -> None:
        target = urlsplit(exchange.target)
        self.path = target.path
        self.method = exchange.method.lower()
        self.body = exchange.body or None
        self.content_type = exchange.headers.get("content-type", "")
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(target.query)), header=Headers(exchange.headers)
        )


@pytest.fixture(scope="module")
def document() -> Any:
    """Give Adobe's file, or skip."""
    if not OPENAPI.exists():
        pytest.skip("Adobe's OpenAPI file does not lie beside this repository")
    content = yaml.safe_load(OPENAPI.read_text("utf-8"))
    # Its server has no scheme and a variable for the host, which the library does not resolve.
    content["servers"] = [{"url": f"{RecordedRequest.host_url}/data/foundation/flowservice"}]
    return content


def test_requests_of_a_run_are_valid_by_adobes_openapi_file(
    document: Any, start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """Posts, lookups by name, listings and their next pages, of `run`, `plan` and `settle`."""
    emulator = start_emulator()
    emulator.plan_faults(
        queue=["reset_after_create", "no_id", "reset_before"], by_name={"db-0009": ["reset_before"]}
    )
    with Middleman(emulator.origin) as middleman:
        place = open_workplace(
            emulator, **middleman.env, BULKCONN_RATE="100", BULKCONN_SETTLE_GRACE="1", BULKCONN_OUTPUT="json"
        )
        place.inventory(60)
        place.inventory(2, "few.csv", prefix="few")
        assert place.run("plan", "inventory.csv").code == 0
        assert place.run("run", "inventory.csv").code == 0
        assert place.run("run", "few.csv", "--marker").code == 0
        assert place.run("settle", "--ledger", "inventory.ledger.db").code == 0
        exchanges = middleman.api
    api = OpenAPI.from_dict(document)
    for exchange in exchanges:
        api.validate_request(RecordedRequest(exchange))
        known = _query_parameters(document, exchange.method)
        assert {name for name, _ in parse_qsl(urlsplit(exchange.target).query)} <= known
    methods = Counter(one.method for one in exchanges)
    # 62 rows, and two of them sent again after a reset that created nothing.
    assert methods["POST"] == 64
    assert methods["GET"] >= 4


def _query_parameters(document: Any, method: str) -> set[str]:
    listed = document["paths"]["/connections"][method.lower()].get("parameters", [])
    return {one["name"] for one in listed if one["in"] == "query"}
