"""A schema of the service's judges parameters: what breaks a rule is told, never a value, never raised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from bulkconn.core.auth_schema import AuthSchema, Property
from bulkconn.core.schema_cleaning import Unreadable
from bulkconn.core.schema_faults import SchemaFault

#: As the documented ones are.
PLAIN: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "description": "defines auth params",
    "properties": {
        "server": {"type": "string", "description": "Host", "minLength": 1, "maxLength": 20},
        "port": {"type": "string", "pattern": "^[0-9]{1,5}$"},
        "password": {"type": "string", "format": "password", "examples": ["x"]},
        "sslMode": {"type": "string", "enum": ["Disable", "Require"]},
        "comment": {},
    },
    "required": ["server", "password"],
    "additionalProperties": False,
}
VALUES = {"server": "db.example.com", "port": "5432", "password": "MARKED", "sslMode": "Require"}


def faults_of(schema: object, unknown: tuple[str, ...] = (), **values: object) -> list[SchemaFault]:
    """Judge these parameters."""
    return AuthSchema(schema).faults(values, unknown)


def plain_faults(unknown: tuple[str, ...] = (), **changes: object) -> list[SchemaFault]:
    """Judge parameters that are right but for these; None leaves one out."""
    values = {name: value for name, value in {**VALUES, **changes}.items() if value is not None}
    return faults_of(PLAIN, unknown, **values)


def test_parameters_that_fulfil_the_schema_have_no_fault() -> None:
    """What may be left out is left out."""
    assert plain_faults() == plain_faults(port=None, sslMode=None) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"server": None}, SchemaFault("server", "is missing: the service requires it")),
        (
            {"host": "h"},
            SchemaFault("host", "is not known to the service", "server, port, password, sslMode, comment"),
        ),
        (
            {"sslMode": "Off"},
            SchemaFault("sslMode", "is none of the values that the service allows", "Disable, Require"),
        ),
        (
            {"port": "54x2"},
            SchemaFault(
                "port", "has not the form that the service asks for", "text that matches ^[0-9]{1,5}$"
            ),
        ),
        (
            {"server": ""},
            SchemaFault("server", "is shorter than the service allows", "at least 1 characters"),
        ),
        (
            {"server": "s" * 21},
            SchemaFault("server", "is longer than the service allows", "at most 20 characters"),
        ),
        (
            {"server": 5},
            SchemaFault("server", "is not of the type that the service asks for", "string"),
        ),
    ],
    ids=["required", "additional", "enum", "pattern", "minLength", "maxLength", "type"],
)
def test_parameter_that_breaks_a_rule_is_told_with_what_is_allowed(
    changes: dict[str, Any], fault: SchemaFault
) -> None:
    """One fault a rule, in words of our own, whichever keyword it is."""
    assert plain_faults(**changes) == [fault]


def test_all_faults_are_told_at_once_and_each_once() -> None:
    """Two missing parameters are two errors of jsonschema's, and two faults, not four."""
    assert [fault.parameter for fault in faults_of(PLAIN, a="1", b="2")] == ["server", "password", "a", "b"]


def test_value_that_is_not_known_yet_is_judged_by_presence_and_type_only() -> None:
    """A reference is a text, whatever it will turn out to be; a text is no number."""
    assert plain_faults(("port", "sslMode"), port="env://PORT", sslMode="") == []
    numbers = {"properties": {"port": {"type": "integer", "minimum": 1}}}
    (fault,) = faults_of(numbers, ("port",), port="")
    assert (fault.parameter, fault.allowed) == ("port", "integer")


@pytest.mark.parametrize(
    ("rule", "value", "problem", "allowed"),
    [
        ({"const": "a"}, "b", "is not the value that the service asks for", "a"),
        ({"minimum": 1}, 0, "is out of the range that the service allows", "at least 1"),
        ({"maximum": 9}, 10, "is out of the range that the service allows", "at most 9"),
        (
            {"enum": [True, None, 1.5]},
            "b",
            "is none of the values that the service allows",
            "true, None, 1.5",
        ),
        (
            {"type": ["integer", "boolean"]},
            "b",
            "is not of the type that the service asks for",
            "integer, boolean",
        ),
        ({"multipleOf": 2}, 3, "breaks a rule of the service (multipleOf)", None),
        ({"items": {"type": "string"}}, [5], "breaks a rule of the service (type)", None),
        ({"not": {}}, "b", "breaks a rule of the service (not)", None),
    ],
)
def test_rule_of_any_kind_is_put_into_words(
    rule: dict[str, Any], value: object, problem: str, allowed: str | None
) -> None:
    """What there are no words for is named by its keyword."""
    assert faults_of({"properties": {"a": rule}}, a=value) == [SchemaFault("a", problem, allowed)]


def test_alternatives_say_what_each_of_them_needs() -> None:
    """One or the other: neither is missing by itself. That hangs on no value."""
    schema = {"oneOf": [{"required": ["token"]}, {"required": ["username", "password"]}]}
    fault = SchemaFault(
        None, "the parameters fulfil not one of the service's alternatives", "token; or username, password"
    )
    assert faults_of(schema, username="u") == faults_of(schema, ("username",), username="") == [fault]


def test_alternatives_of_values_are_not_judged_while_a_value_is_not_known() -> None:
    """What hangs on a secret that is resolved later is no fault now."""
    schema = {"anyOf": [{"properties": {"a": {"const": "x"}}}, {"required": ["b"]}]}
    (fault,) = faults_of(schema, a="y")
    assert fault.allowed is None
    assert faults_of(schema, ("a",), a="y") == []


def test_rule_about_several_parameters_is_named_by_its_keyword() -> None:
    """The keyword is the schema's; what is not printable in it is escaped."""
    schema = {"minProperties": 3}
    fault = SchemaFault(None, "the parameters together break a rule of the service (minProperties)")
    assert faults_of(schema, a="1") == [fault]
    assert faults_of(schema, ("a",), a="1") == []


def test_parameters_that_match_a_pattern_of_names_are_known() -> None:
    """A closed schema may leave a door open."""
    schema = {"patternProperties": {"^x_": {}}, "additionalProperties": False}
    assert [fault.parameter for fault in faults_of(schema, x_a="1", y_a="2")] == ["y_a"]


def test_long_list_of_allowed_values_is_cut() -> None:
    """A message is read by a person."""
    (fault,) = faults_of({"properties": {"a": {"enum": [f"v{n}" for n in range(30)]}}}, a="b")
    assert fault.allowed is not None
    assert fault.allowed.endswith("v19 and 10 more")


def test_text_of_the_schema_cannot_steer_a_terminal() -> None:
    """What comes over the network is shown escaped."""
    (fault,) = faults_of({"properties": {"a": {"pattern": "^\x1b[m]$"}}}, a="b")
    assert fault.allowed == r"text that matches ^\x1b[m]$"


def test_no_value_is_ever_in_a_fault() -> None:
    """The messages of jsonschema hold the instance: nothing of them is used."""
    schema = {
        "properties": {"a": {"type": "object", "properties": {"b": {"const": 1}}}, "c": {"pattern": "^x"}},
        "dependencies": {"c": ["d"]},
        "oneOf": [{"properties": {"c": {"const": "y"}}}, {"required": ["e"]}],
        "additionalProperties": False,
    }
    found = faults_of(schema, a={"b": "MARKED"}, c="MARKED", f="MARKED")
    assert len(found) == 5
    assert "MARKED" not in repr(found)


def test_property_says_what_the_schema_says_of_it() -> None:
    """Need, secrecy, values and types; nothing of needs where the schema lists none."""
    assert AuthSchema(PLAIN).properties == {
        "server": Property("server", is_required=True, types=("string",)),
        "port": Property("port", is_required=False, types=("string",)),
        "password": Property("password", is_required=True, is_secret=True, types=("string",)),
        "sslMode": Property("sslMode", is_required=False, allowed=("Disable", "Require"), types=("string",)),
        "comment": Property("comment", is_required=False),
    }
    silent = AuthSchema({"properties": {"a": {"type": ["string", "null"]}, "b": {"enum": [1]}, "c": True}})
    assert silent.properties == {
        "a": Property("a", types=("string", "null")),
        "b": Property("b"),
        "c": Property("c"),
    }


def test_property_is_found_wherever_the_schema_lists_it() -> None:
    """A secret is one even if only an alternative says so; values are certain only outside of them."""
    schema = {
        "definitions": {"login": {"properties": {"user": {}, "pass": {"$ref": "#/definitions/secret"}}},
                        "secret": {"format": "password"}},
        "properties": {"key": {"enum": ["a"]}, "user": {}},
        "allOf": [{"$ref": "#/definitions/login"}],
        "oneOf": [{"properties": {"key": {"writeOnly": True, "enum": ["b"]}}}, True],
        "if": {"required": ["user"]},
        "then": {"properties": {"realm": {"enum": ["r"]}}},
    }  # fmt: skip
    assert AuthSchema(schema).properties == {
        "key": Property("key", is_secret=True, allowed=("a",)),
        "user": Property("user"),
        "pass": Property("pass", is_secret=True),
        "realm": Property("realm"),
    }


def test_closed_schema_and_rules_left_out_are_known() -> None:
    """Both change what may be said of a row."""
    assert AuthSchema(PLAIN).is_closed
    open_one = AuthSchema({"properties": {"a": {"pattern": "("}}})
    assert not open_one.is_closed
    assert open_one.left_out == ("the pattern of a",)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param({"properties": {"a": {"required": True}}}, {}, id="draft 03"),
        pytest.param(
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "properties": {"a": {"maximum": 5, "exclusiveMaximum": True}},
            },
            {"a": 5},
            id="draft 04 declared",
        ),
        pytest.param(
            {"properties": {"a": {"maximum": 5, "exclusiveMaximum": True}}}, {"a": 5}, id="draft 04"
        ),
        pytest.param(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "dependentRequired": {"a": ["b"]},
            },
            {"a": 1},
            id="draft 2020-12",
        ),
        pytest.param({"$schema": "https://example.com/our-own", "required": ["a"]}, {}, id="draft unknown"),
        pytest.param({"$schema": "http://json-schema.org/draft-04/schema#", "required": ["a"],
                      "allOf": [{"required": []}]}, {}, id="not quite draft 04"),
        pytest.param({"type": ["object", "null"], "x-ui": {"order": [1]}, "required": ["a"]}, {}, id="x-ui"),
        pytest.param({"$id": "https://x.example.com/s", "$ref": "#/definitions/d",
                      "definitions": {"d": {"required": ["a"]}}}, {}, id="$id and $ref"),
    ],
)  # fmt: skip
def test_schema_of_any_draft_is_read(schema: dict[str, Any], value: dict[str, object]) -> None:
    """The one that is declared, or else one that takes it."""
    assert len(AuthSchema(schema).faults(value)) == 1


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (None, "not a JSON object"),
        ({"type": "string"}, "does not describe an object"),
        ({"type": ["array", "null"]}, "does not describe an object"),
        ({"properties": {"a": "string"}}, "not a JSON Schema"),
        ({"properties": ["a"]}, "not a JSON Schema"),
        ({"required": "a"}, "not a JSON Schema"),
        ({"properties": {"a": {"minLength": -1}}}, "not a JSON Schema"),
        ({"$ref": "#"}, "refers to itself"),
    ],
)
def test_schema_that_is_none_is_refused_with_a_reason(schema: object, why: str) -> None:
    """The catalogue's word stands then."""
    with pytest.raises(Unreadable, match=why):
        AuthSchema(schema)


def test_schema_whose_rule_breaks_the_judge_is_told_and_not_raised() -> None:
    """Some faults of a schema show only when a value meets them."""
    endless = {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#"}
    (fault,) = faults_of({**endless, "properties": {"a": {"type": "string"}}}, a="1")
    assert fault == SchemaFault(
        None, "the service's schema has a rule that cannot be read, so not all of it was checked",
        is_error=False,
    )  # fmt: skip


def test_schema_that_refers_elsewhere_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema must not make us ask another host."""
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("something was fetched"))
    dynamic = {"$schema": "https://json-schema.org/draft/2020-12/schema",
               "properties": {"a": {"$dynamicRef": "http://127.0.0.1:1/schema"}}}  # fmt: skip
    (fault,) = faults_of(dynamic, a="1")
    assert not fault.is_error
    assert faults_of({"properties": {"a": {"$ref": "http://127.0.0.1:1/schema"}}}, a="1") == []


_texts = st.sampled_from(["", "a", "ab", "b1", "5432", "Require"]) | st.text(max_size=4)
_rules = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", ["string", "null"]]),
        "enum": st.lists(_texts | st.integers(0, 3), max_size=3),
        "pattern": st.sampled_from(["^a", "[0-9]+$", "", "^(?=.*b)"]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 5),
        "format": st.sampled_from(["password", "uri"]),
        "const": _texts,
        "description": st.text(max_size=3),
    },
)
_names = st.sampled_from(["server", "port", "password", "other"])
_schemas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("object"),
        "properties": st.dictionaries(_names, _rules | st.booleans(), max_size=3),
        "required": st.lists(_names, max_size=2, unique=True),
        "additionalProperties": st.booleans() | _rules,
        "minProperties": st.integers(0, 2),
    },
)


@settings(max_examples=150, deadline=None)
@given(_schemas, st.dictionaries(_names, _texts | st.integers(0, 3), max_size=4))
def test_short_way_says_what_jsonschema_says(schema: dict[str, Any], values: dict[str, object]) -> None:
    """Whether anything is wrong is the same with and without the short way for what is obviously right."""
    compiled = AuthSchema(json.loads(json.dumps(schema)))
    assert bool(compiled.faults(dict(values))) == (not Draft7Validator(schema).is_valid(values))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "required",
                    "pattern",
                    "$ref",
                    "allOf",
                    "items",
                    "enum",
                    "a",
                    "$id",
                    "not",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(_json, st.dictionaries(st.text(max_size=3), _json, max_size=3))
def test_anything_at_all_for_a_schema_never_raises_anything_else(
    schema: object, values: dict[str, object]
) -> None:
    """A schema is read or refused; judging never raises."""
    try:
        compiled = AuthSchema(schema)
    except Unreadable:
        return
    compiled.faults(values)
