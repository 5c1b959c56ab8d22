"""Dummies of every source that there is, against the emulator's own schemas."""

from __future__ import annotations

import csv
import io
from base64 import b64encode

import pytest

from bulkconn.core.dummies import DUMMY, dummy_row
from bulkconn.core.endpoint import Endpoint, InventoryRow
from bulkconn.core.request import build_request, secret_refs
from bulkconn.core.source import AuthSpec, Source, ValueKind
from bulkconn.core.validation import Validated, Validator
from bulkconn.emulator.settings import Cloud
from bulkconn.emulator.specs import load_catalogue
from bulkconn.inventory.objects import read_object
from bulkconn.inventory.templates import template
from bulkconn.sources import ALL

CATALOGUE = load_catalogue()
SPECS = [
    pytest.param(source, spec, id=f"{source.slug}-{spec.platform_cloud}-{spec.auth}")
    for source in ALL
    for spec in source.auths
]


def endpoint_of(row: InventoryRow) -> Endpoint:
    """Give the endpoint of a valid row."""
    result = Validator(ALL).validate(row)
    assert isinstance(result, Validated), result
    return result.endpoint


def example_of(source: Source, spec: AuthSpec) -> dict[str, str]:
    """Give the cells of a template's row."""
    text = template([source], platform_cloud=spec.platform_cloud, auth=spec.auth)
    (cells,) = csv.DictReader(io.StringIO(text))
    return {name: cell for name, cell in cells.items() if cell}


def check(cells: dict[str, str], spec: AuthSpec) -> None:
    """Hold the dummy of a row to our own validation, and to the emulator's schema."""
    dummy = dummy_row(endpoint_of(InventoryRow("a.csv", 2, cells)), spec)
    row = read_object(dummy, "rehearsal.jsonl", 1)
    assert isinstance(row, InventoryRow), row
    again = endpoint_of(row)
    assert secret_refs(again) == ()
    body = build_request(again, {}).body()
    CATALOGUE.check_body(body, Cloud(spec.platform_cloud.value))
    has_secret = any(one.secret for one in spec.parameters)
    assert has_secret == any(dummy in str(body) for dummy in (DUMMY, b64encode(DUMMY.encode()).decode()))


@pytest.mark.parametrize(("source", "spec"), SPECS)
def test_dummy_of_a_template_row_is_taken_by_the_emulator(source: Source, spec: AuthSpec) -> None:
    """Whatever can be onboarded can be rehearsed, with its secrets given one by one."""
    check(example_of(source, spec), spec)


@pytest.mark.parametrize(
    ("source", "spec"),
    [
        one
        for one in SPECS
        if any(parameter.kind is ValueKind.CONNECTION_STRING for parameter in one.values[1].parameters)  # type: ignore[union-attr]  # SPECS holds specs
    ],
)
def test_dummy_of_a_referenced_string_is_taken_by_the_emulator(source: Source, spec: AuthSpec) -> None:
    """A whole connection string that nobody has seen gets a dummy of the documented pattern."""
    parts = {part.column for part in spec.string_parts}
    cells = {name: cell for name, cell in example_of(source, spec).items() if name not in parts}
    (name,) = (one.name for one in spec.parameters if one.kind is ValueKind.CONNECTION_STRING)
    check({**cells, name: "env://WHOLE_STRING"}, spec)
