"""What few sources need of the core: booleans, Base64, `auth.type`, cautions, needs that no page explains."""

from __future__ import annotations

import pytest

from bulkconn.core.adoption import shows_same_database
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.endpoint import Endpoint, InventoryRow, SecretUnavailable
from bulkconn.core.request import build_request, secret_values
from bulkconn.core.secret import SecretRef, SecretStr
from bulkconn.core.validation import Invalid, Validated, Validator
from tests.unit.core.rows import RARE, row_of

_AGAIN = ", then run the same command; rows already created are skipped"
_REF = SecretRef("file:///key")
_PARTS = {"auth": "connection_string", "server": "h", "username": "u", "password": "p"}


def _row(**cells: str | None) -> InventoryRow:
    return row_of(source="rare", **cells)


def _key_row(**cells: str | None) -> InventoryRow:
    return _row(**{"auth": "key_pair", "account": "a", "params.key": "S0VZ", "useTls": "TRUE", **cells})


def _validated(row: InventoryRow) -> Validated:
    result = Validator([RARE]).validate(row)
    assert isinstance(result, Validated), result
    return result


def _endpoint(row: InventoryRow) -> Endpoint:
    return _validated(row).endpoint


def _errors(row: InventoryRow) -> list[Diagnostic]:
    result = Validator([RARE]).validate(row)
    assert isinstance(result, Invalid), result
    return [one for one in result.diagnostics if one.severity is Severity.ERROR]


def test_boolean_of_a_row_is_sent_as_a_boolean_and_shown_as_text() -> None:
    """A spreadsheet's TRUE is a JSON true; another value is another fingerprint."""
    endpoint = _endpoint(_key_row())
    body = build_request(endpoint, {}).body()
    assert body["auth"] == {
        "specName": "Key",
        "params": {"account": "a", "key": "S0VZ", "useTls": True},
        "type": "OAuth2.0",
    }
    assert endpoint.cells["useTls"] == "true"
    other = _endpoint(_key_row(useTls="false"))
    assert dict(other.params)["useTls"] is False
    assert other.fingerprint != endpoint.fingerprint


def test_boolean_that_is_none_is_refused() -> None:
    """Only true and false are booleans."""
    (one,) = _errors(_key_row(useTls="yes"))
    assert (one.column, one.message, one.allowed) == (
        "useTls",
        "useTls is none of the allowed values",
        "true, false",
    )


@pytest.mark.parametrize("key", ["-----BEGIN PRIVATE KEY-----", '{"private_key": "-----BEGIN PRIVATE KEY"}'])
def test_key_in_clear_where_base64_is_documented_is_refused(key: str) -> None:
    """A PEM key or a key file, given as it is, would make a connection that cannot work."""
    (one,) = _errors(_key_row(**{"params.key": key}))
    assert one.message == "key is a key in clear, where its Base64 is documented"
    assert one.fix == "give what `base64 --wrap=0 FILE` prints" + _AGAIN
    assert "BEGIN" not in str(one)


@pytest.mark.parametrize("held", ["-----BEGIN PRIVATE KEY-----\nAAAA\n", "S0VZ\nS0VZ"])
def test_reference_to_a_key_in_clear_is_refused_when_it_is_resolved(held: str) -> None:
    """The message names the reference and what to store, and nothing of the key."""
    endpoint = _endpoint(_key_row(**{"params.key": _REF.uri}))
    assert build_request(endpoint, {_REF: SecretStr("S0VZ")}).body()["auth"]["params"]["key"] == "S0VZ"
    with pytest.raises(SecretUnavailable) as raised:
        build_request(endpoint, {_REF: SecretStr(held)})
    assert str(raised.value) == (
        "what file:///key holds is a key in clear, or of several lines, where its Base64 in one line is "
        "documented: store what `base64 --wrap=0 FILE` prints"
    )


def test_cautions_are_said_once_a_file_at_the_source() -> None:
    """What is true of all rows is not repeated at each, but said again in the next file."""
    validator = Validator([RARE])
    first, second = validator.validate(_key_row()), validator.validate(_key_row(name="two"))
    assert isinstance(first, Validated)
    assert [(one.severity, one.column, one.message, one.fix) for one in first.warnings] == [
        (Severity.WARNING, "source", "the source is deprecated", "look for another" + _AGAIN),
        (Severity.WARNING, "source", "keys end in May", "use a string" + _AGAIN),
    ]
    assert isinstance(second, Validated)
    assert second.warnings == ()
    elsewhere = validator.validate(InventoryRow("b.csv", 2, _key_row().cells))
    assert isinstance(elsewhere, Validated)
    assert len(elsewhere.warnings) == 2


def test_parameter_of_unknown_need_may_be_left_out_with_a_warning() -> None:
    """No page says that it must be there, so the row is sent; the reader is told once."""
    validator = Validator([RARE])
    result = validator.validate(_key_row(account=None))
    assert isinstance(result, Validated)
    *_, one = result.warnings
    assert one.column == "account"
    assert one.message == (
        "account is missing, here and maybe in later rows; "
        "no page of Adobe's says whether rare on azure with auth=key_pair can do without it"
    )
    assert one.fix == "fill it in if the service refuses the row" + _AGAIN
    assert [name for name, _ in result.endpoint.params] == ["key", "useTls"]
    again = validator.validate(_key_row(account=None))
    assert isinstance(again, Validated)
    assert again.warnings == ()


def test_row_that_gives_nothing_is_refused_although_nothing_is_required() -> None:
    """No page knows a body without parameters."""
    (one,) = _errors(_key_row(account=None, useTls=None, **{"params.key": None}))
    assert (one.column, one.message, one.allowed, one.fix) == (
        None,
        "nothing is given of what rare on azure with auth=key_pair takes",
        "account, key, useTls",
        "fill in the row's columns" + _AGAIN,
    )


def test_row_on_a_cloud_without_documents_is_told_what_is_known() -> None:
    """The refusal says why, where a page gives a reason."""
    (one,) = _errors(_key_row(platform_cloud="aws"))
    assert one.message == "rare is not documented on aws: a page of 2025 had it"


def test_parts_of_a_rare_pattern_stand_in_their_places() -> None:
    """Fixed pieces stay, braces that are no places too, and the string is redacted with its password."""
    endpoint = _endpoint(_row(**_PARTS))
    request = build_request(endpoint, {})
    string = 'Data Source=tcp:h.example.com;Fixed=1;Login=[{"user":"u","pass":"p"}];'
    assert request.body()["auth"] == {"specName": "String", "params": {"connectionString": string}}
    assert secret_values(request) == (string, "p")
    assert shows_same_database(endpoint, [("connectionString", "Data Source=tcp:h.example.com")])
    assert not shows_same_database(endpoint, [("connectionString", "Data Source=h")])


@pytest.mark.parametrize(
    ("column", "value", "allowed"),
    [("server", "H1", "small letters"), ("password", "a\\b", "text without backslashes")],
)
def test_part_that_does_not_fit_its_place_is_refused(column: str, value: str, allowed: str) -> None:
    """A place may ask for more than any string does; a secret's value is not shown."""
    (one,) = _errors(_row(**{**_PARTS, column: value}))
    assert one.message == f"{column} would break out of its place in the connection string"
    assert one.allowed == allowed
    assert one.found == (None if column == "password" else value)


def test_reference_that_does_not_fit_its_place_is_refused_when_it_is_resolved() -> None:
    """The message says what the place asks for, and the remedy of the source."""
    endpoint = _endpoint(_row(**{**_PARTS, "password": _REF.uri}))
    with pytest.raises(SecretUnavailable) as raised:
        build_request(endpoint, {_REF: SecretStr("s3\\cret")})
    assert str(raised.value) == (
        "what file:///key holds would break out of its place in the connection string (a semicolon, quote, "
        "brace, control character, '=' at its start, or a blank at an end, or something other than text "
        "without backslashes): give the string whole, or change the value"
    )


@pytest.mark.parametrize("header", ["data_source", "DataSource"])
def test_column_named_as_its_key_in_the_string_is_led_to_the_right_one(header: str) -> None:
    """Who reads Adobe's pattern may name the column after the pattern's key."""
    (one,) = _errors(_row(**{**_PARTS, header: "x"}))
    assert one.fix == "write server: it becomes Data Source= in the connection string" + _AGAIN
