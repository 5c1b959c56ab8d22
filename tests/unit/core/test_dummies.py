"""Rows for a rehearsal: the same endpoint, and no secret."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest

from bulkconn.core.dummies import DUMMY, dummy_row
from bulkconn.core.endpoint import Endpoint, InventoryRow
from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, StringPart, ValueKind
from bulkconn.core.validation import Validated, Validator
from tests.unit.core.rows import ACME, ODD, PARTS, SOURCES, WHOLE, basic_row, endpoint_of, row_of, string_row

BASIC, STRING = ACME.auths[1], ACME.auths[0]
SECRET = "s3cret-of-the-user"


def params_of(endpoint: Endpoint, spec: AuthSpec | None) -> dict[str, Any]:
    """Give the parameters of the dummy row."""
    params = dummy_row(endpoint, spec)["params"]
    assert isinstance(params, dict)
    return params


def read_again(row: dict[str, Any]) -> Endpoint:
    """Give the endpoint that a dummy row becomes, as a JSONL reader flattens it."""
    cells = {name: value for name, value in row.items() if name != "params" and value is not None}
    cells |= {f"params.{name}": str(value) for name, value in row["params"].items()}
    result = Validator(SOURCES).validate(InventoryRow("rehearsal.jsonl", 1, cells))
    assert isinstance(result, Validated), result
    assert result.warnings == ()
    return result.endpoint


@pytest.mark.parametrize(
    ("row", "spec"),
    [
        pytest.param(basic_row(password=SECRET, description="Two\nlines"), BASIC, id="literal"),
        pytest.param(basic_row(password="vault://kv/pg#password", key="own"), BASIC, id="reference"),
        pytest.param(string_row(password=SECRET), STRING, id="built"),
        pytest.param(string_row(password="env://PW", encryption_mode="1"), STRING, id="built-reference"),
        pytest.param(
            row_of(auth="connection_string", connectionString=WHOLE.replace("=p", f"={SECRET}")),
            STRING,
            id="whole",
        ),
        pytest.param(
            row_of(auth="connection_string", connectionString="env://CS"), STRING, id="whole-reference"
        ),
        pytest.param(row_of(source="odd", auth="token", token=SECRET), ODD.auths[0], id="token"),
    ],
)
def test_dummy_row_becomes_the_same_endpoint_without_its_secrets(row: InventoryRow, spec: AuthSpec) -> None:
    """Identity, source and visible values survive; neither a secret nor a reference to one does."""
    result = Validator(SOURCES, schemes=("env", "vault")).validate(row)
    assert isinstance(result, Validated), result
    endpoint = result.endpoint
    dummy = dummy_row(endpoint, spec)
    text = json.dumps(dummy)
    assert not [word for word in (SECRET, "vault://", "env://") if word in text]
    assert DUMMY in text
    again = read_again(dummy)
    for name in ("key", "name", "sandbox", "description", "auth", "auth_spec_name", "connection_spec_id"):
        assert getattr(again, name) == getattr(endpoint, name)
    assert [name for name, _ in again.params] == [name for name, _ in endpoint.params]
    for (_, ours), (_, theirs) in zip(again.params, endpoint.params, strict=True):
        assert not isinstance(theirs, str) or ours == theirs


def test_dummy_row_of_a_built_string_keeps_its_visible_parts() -> None:
    """The worker builds the string as the real run does."""
    params = params_of(endpoint_of(string_row(password=SECRET)), STRING)
    assert params == {**PARTS, "password": DUMMY}


def test_dummy_row_of_a_whole_string_keeps_nothing_of_it() -> None:
    """A connection string may hold secrets under any key, so it is made anew after the pattern."""
    secret = f"{WHOLE};AccountKey={SECRET}"
    params = params_of(endpoint_of(row_of(auth="connection_string", connectionString=secret)), STRING)
    assert params == {
        "connectionString": f"Server={DUMMY};Database={DUMMY};Port=5432;UID={DUMMY};Password={DUMMY}"
    }


def test_dummy_row_leaves_out_what_is_never_sent() -> None:
    """Columns of the user's own are nobody's business in a rehearsal."""
    assert "confidential" not in json.dumps(dummy_row(endpoint_of(basic_row(x_note="confidential")), BASIC))


def endpoint_with(name: str, **changes: Any) -> Endpoint:
    """Give an endpoint whose one parameter is a secret reference."""
    endpoint = endpoint_of(row_of(source="odd", auth="token", token="env://T"))
    return endpoint._replace(**{"params": tuple((name, value) for _, value in endpoint.params), **changes})


def test_dummy_of_an_encoded_secret_is_base64() -> None:
    """Where Base64 is documented the service may try to decode it."""
    encoded = params_of(endpoint_with("privateKey", encoded=frozenset({"privateKey"})), None)["privateKey"]
    assert b64decode(encoded, validate=True).decode() == DUMMY


def test_dummy_of_a_string_without_a_documented_pattern_is_plain() -> None:
    """Nothing can be said of its shape."""
    string = Parameter("connectionString", "All", secret=True, kind=ValueKind.CONNECTION_STRING)
    spec = AuthSpec("connection_string", "String", PlatformCloud.AZURE, (string,))
    assert params_of(endpoint_with("connectionString"), spec) == {"connectionString": DUMMY}
    assert params_of(endpoint_with("connectionString"), None) == {"connectionString": DUMMY}


def test_dummy_string_takes_documented_values_and_examples() -> None:
    """What may hold but few values holds the first, and an example stands where there is one."""
    string = Parameter("connectionString", "All", secret=True, kind=ValueKind.CONNECTION_STRING)
    parts = (
        StringPart("Mode", "mode", "TLS", allowed=("6", "1")),
        StringPart("Server", "server", "Host", example="pg.example.com"),
        StringPart("Extra", "extra", "Left out", always=False),
        StringPart("Pwd", "password", "Password", secret=True, example="env://PW"),
    )
    spec = AuthSpec(
        *("connection_string", "String", PlatformCloud.AZURE, (string,), parts),
        pattern="Mode={mode};Server={server};Pwd={password}",
    )
    assert params_of(endpoint_with("connectionString"), spec) == {
        "connectionString": f"Mode=6;Server=pg.example.com;Pwd={DUMMY}"
    }


def test_dummy_row_of_what_no_page_documents_says_itself_what_it_is() -> None:
    """Without a documented auth spec the row must name connection spec and auth spec."""
    endpoint = endpoint_with("token")
    row = dummy_row(endpoint, None)
    assert row["connection_spec_id"] == endpoint.connection_spec_id
    assert row["connection_spec_version"] == "1.0"
    assert row["auth_spec_name"] == "Token"
    assert "auth_spec_name" not in dummy_row(endpoint, ODD.auths[0])


def test_dummy_row_keeps_booleans() -> None:
    """A JSON boolean stays one."""
    endpoint = endpoint_with("x", params=(("encrypt", True),))
    assert params_of(endpoint, None) == {"encrypt": True}
