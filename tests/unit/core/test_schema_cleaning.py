"""Rules that cannot be read are left out one by one; only a hopeless schema is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bulkconn.core.schema_cleaning import DEPTH_MAX, NODES_MAX, Unreadable, clean, pointed_at

GOOD = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "server": {"type": "string", "pattern": "^[a-z.]+$"},
        "type": {"type": ["string", "null"]},
        "pattern": {"$ref": "#/definitions/a~1b~0c"},
        "$ref": {"type": "string"},
        "x": True,
    },
    "patternProperties": {"^x_": {"type": "string"}},
    "definitions": {"a/b~c": {"enum": [1, {"pattern": "(", "type": "no type"}]}},
    "required": ["server"],
    "unknownKeyword": [{"deep": None}],
}


def test_schema_that_can_be_read_is_copied_as_it_is() -> None:
    """Parameters may be called like keywords, and examples may look like rules."""
    cleaned, left_out = clean(GOOD)
    assert (cleaned, left_out) == (GOOD, ())
    assert cleaned is not GOOD


@pytest.mark.parametrize(
    ("rule", "note"),
    [
        ({"pattern": "(?<year>[0-9]+)"}, "the pattern of port"),
        ({"pattern": "a{99999999999}"}, "the pattern of port"),
        ({"type": "String"}, "the type of port"),
        ({"type": "password"}, "the type of port"),
        ({"$ref": "https://elsewhere.example.com/schema"}, "the $ref of port"),
        ({"$ref": "#/definitions/nowhere"}, "the $ref of port"),
        ({"$ref": "#/required"}, "the $ref of port"),
        ({"patternProperties": {"(": {}}}, "the patternProperties of port"),
    ],
)
def test_rule_that_cannot_be_read_is_left_out_and_noted(rule: dict[str, Any], note: str) -> None:
    """The other rules of the same parameter stay."""
    schema = {"required": ["port"], "properties": {"port": {"minLength": 1, **rule}}}
    cleaned, left_out = clean(schema)
    assert cleaned == {"required": ["port"], "properties": {"port": {"minLength": 1}}}
    assert left_out == (note,)


def test_rule_about_all_parameters_that_cannot_be_read_is_told_once() -> None:
    """A rule in a list has no parameter of its own."""
    cleaned, left_out = clean({"allOf": [{"type": "thing"}, {"type": "thing"}], "type": "object"})
    assert cleaned == {"allOf": [{}, {}], "type": "object"}
    assert left_out == ("the type of all parameters",)


def test_needs_that_stand_inside_the_properties_become_a_list() -> None:
    """Draft 03 and many a code generator write `required: true` beside the type."""
    properties = {"a": {"required": True}, "b": {"required": False, "type": "string"}, "c": {}, "d": True}
    cleaned, left_out = clean({"properties": properties, "required": ["c", "a"]})
    assert cleaned["required"] == ["c", "a"]
    assert cleaned["properties"] == {"a": {}, "b": {"type": "string"}, "c": {}, "d": True}
    assert left_out == ()
    assert clean({"properties": properties})[0]["required"] == ["a"]


@pytest.mark.parametrize("schema", [None, True, "object", ["object"], 5])
def test_schema_that_is_no_object_is_refused(schema: object) -> None:
    """There is nothing to read in it."""
    with pytest.raises(Unreadable, match="not a JSON object"):
        clean(schema)


def test_schema_that_refers_to_itself_is_refused() -> None:
    """A validator would never end."""
    for schema in ({"$ref": "#"}, {"properties": {"a": {"$ref": "#/properties/a"}}}):
        with pytest.raises(Unreadable, match="refers to itself"):
            clean(schema)


def test_schema_that_is_nested_beyond_reason_is_refused() -> None:
    """Python's own limit would end the command."""
    schema: dict[str, Any] = {}
    for _ in range(DEPTH_MAX + 1):
        schema = {"not": schema}
    with pytest.raises(Unreadable, match="too deeply"):
        clean(schema)
    clean(schema["not"])


def test_schema_that_is_too_large_is_refused_also_if_it_only_becomes_so() -> None:
    """A few references to each other may stand for a million rules."""
    with pytest.raises(Unreadable, match="too large"):
        clean({"enum": list(range(NODES_MAX + 1))})
    levels = {f"l{n}": {"allOf": [{"$ref": f"#/definitions/l{n + 1}"}] * 4} for n in range(9)}
    with pytest.raises(Unreadable, match="too large"):
        clean({"definitions": {**levels, "l9": {}}, "$ref": "#/definitions/l0"})


@pytest.mark.parametrize(
    "pointer", ["", "a", "definitions/a", "http://x/#/definitions", "#/a/b/c", "#/list/0"]
)
def test_reference_that_leads_nowhere_in_the_document_leads_to_none(pointer: str) -> None:
    """Nothing is ever fetched."""
    assert pointed_at({"a": {"b": 1}, "list": [{}]}, pointer) is None


def test_reference_of_the_whole_document_leads_to_it() -> None:
    """`#` alone is the root."""
    assert pointed_at(GOOD, "#") is GOOD
