"""Strings that are built from parts: whatever passes stays in its place, whoever reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.connection_string import build_string, parse_string, stays_in_place, whole_string_faults
from bulkconn.core.source import ValueKind
from bulkconn.sources import ALL, find_source

if TYPE_CHECKING:
    from bulkconn.core.source import AuthSpec, StringPart

_BUILT = [pytest.param(auth, id=source.slug) for source in ALL for auth in source.auths if auth.string_parts]
_LIKELY = st.text(st.sampled_from("aZ09.-_~@!*(),:;=&?#%+/\\\"'{}[] $\u00e9"), max_size=6)


def _values(auth: AuthSpec, dice: st.DataObject) -> list[tuple[StringPart, str]] | None:
    """Draw a value for each part that is always there; None if one would be refused."""
    parts = [part for part in auth.string_parts if part.always]
    drawn = [
        (part, "1234" if part.kind is ValueKind.PORT else dice.draw(_LIKELY | st.text(max_size=6)))
        for part in parts
    ]
    return drawn if all(text and stays_in_place(part, text) for part, text in drawn) else None


@pytest.mark.parametrize("auth", _BUILT)
@given(st.data())
def test_string_of_values_that_pass_has_the_documented_keys_and_values(
    auth: AuthSpec, dice: st.DataObject
) -> None:
    """No value makes another key, and a value that stands alone behind its key is read back to the letter."""
    values = _values(auth, dice)
    if values is None:
        return
    string = build_string(auth.pattern, values)
    pairs = parse_string(string)
    sample = build_string(auth.pattern, [(part, "1") for part, _ in values])
    assert [key for key, _ in pairs] == [key for key, _ in parse_string(sample)]
    read = dict(pairs)
    for part, text in values:
        if f";{part.key}={{{part.column}}};" in f";{auth.pattern};":
            assert read[part.key] == text
    assert whole_string_faults(string, auth.string_parts, has_basic=False) == []


@given(st.data())
def test_string_of_couchbase_is_read_back_by_a_json_reader(dice: st.DataObject) -> None:
    """User and password stand in JSON, where they are what they were."""
    auth = _auth("couchbase")
    values = _values(auth, dice)
    if values is None:
        return
    cells = {part.column: text for part, text in values}
    credentials = dict(parse_string(build_string(auth.pattern, values)))["CredString"]
    assert json.loads(credentials) == [{"user": cells["username"], "pass": cells["password"]}]


@given(st.data())
def test_string_of_snowflake_is_read_back_by_a_reader_of_addresses(dice: st.DataObject) -> None:
    """Nothing in the address needs an encoding, and no value reaches the host."""
    auth = _auth("snowflake")
    values = _values(auth, dice)
    if values is None:
        return
    cells = {part.column: text for part, text in values}
    address = urlsplit(build_string(auth.pattern, values).removeprefix("jdbc:"))
    assert address.netloc == f"{cells['account']}.snowflakecomputing.com"
    assert parse_qsl(address.query, strict_parsing=True) == [
        ("user", cells["username"]),
        ("password", cells["password"]),
        ("db", cells["database"]),
        ("warehouse", cells["warehouse"]),
    ]


@pytest.mark.parametrize(
    ("slug", "column", "value"),
    [
        ("synapse-analytics", "server", "acme.database.windows.net"),
        ("synapse-analytics", "server", "tcp:acme"),
        ("synapse-analytics", "username", "reader@acme"),
        ("snowflake", "account", "acme.snowflakecomputing.com"),
        ("snowflake", "account", "acme/x"),
        ("snowflake", "password", "a&warehouse=b"),
        ("snowflake", "password", "100%"),
        ("couchbase", "password", "back\\slash"),
        ("sql-server", "server", "h;Integrated Security=True"),
        ("ats", "account_name", "a=b"),
    ],
)
def test_value_that_would_leave_its_place_is_refused(slug: str, column: str, value: str) -> None:
    """What the pattern says already, and what would mean something else there."""
    (part,) = [part for part in _auth(slug).string_parts if part.column == column]
    assert not stays_in_place(part, value)


@pytest.mark.parametrize(
    ("slug", "column", "value"),
    [
        ("sql-server", "server", "host.example.com,1433"),
        ("sql-server", "username", "DOMAIN\\reader"),
        ("snowflake", "account", "xy12345.us-east-1"),
        ("snowflake", "username", "reader@example.com"),
        ("ats", "account_key", "c2VjcmV0LWtleQ=="),
        ("couchbase", "password", "p@ss w0rd!"),
    ],
)
def test_value_that_stays_in_its_place_is_taken(slug: str, column: str, value: str) -> None:
    """Nothing is refused that could not be mistaken."""
    (part,) = [part for part in _auth(slug).string_parts if part.column == column]
    assert stays_in_place(part, value)


def _auth(slug: str) -> AuthSpec:
    source = find_source(slug)
    assert source is not None
    (auth,) = [auth for auth in source.auths if auth.string_parts]
    return auth
