"""Endpoints become requests when their secrets are known."""

from __future__ import annotations

import pytest

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.request import build_request, secret_refs, secret_values
from bulkconn.core.secret import SecretRef, SecretStr
from tests.unit.core.rows import WHOLE, basic_row, endpoint_of, row_of, string_row

_REF = SecretRef("env://PG")


def test_build_request_of_literals_gives_the_body() -> None:
    """The body has what the auth spec names, and no description where there is none."""
    body = build_request(endpoint_of(basic_row()), {}).body()
    assert body == {
        "name": "one",
        "auth": {
            "specName": "Basic",
            "params": {"server": "h", "port": "1", "username": "u", "password": "p", "sslMode": "Off"},
        },
        "connectionSpec": {"id": "00000000-0000-4000-8000-000000000001", "version": "1.0"},
    }


@pytest.mark.parametrize(
    ("description", "marker", "sent"),
    [(None, None, None), ("Text", None, "Text"), ("Text", "[m]", "Text [m]"), (None, "[m]", "[m]")],
)
def test_build_request_with_a_marker_appends_it(
    description: str | None, marker: str | None, sent: str | None
) -> None:
    """The marker stands at the end of the description, alone where there is none."""
    endpoint = endpoint_of(basic_row(description=description))
    assert build_request(endpoint, {}, marker).description == sent


def test_build_request_of_references_puts_their_secrets_in() -> None:
    """A reference is replaced wherever it stands, also inside a string that is built."""
    endpoint = endpoint_of(string_row(password="env://PG", encryption_mode="0"))
    assert secret_refs(endpoint) == (_REF,)
    request = build_request(endpoint, {_REF: SecretStr("p@=")})
    assert "p@=" not in repr(request)
    string = "Server=h;Database=d;Port=1;UID=u;Password=p@=;Mode=0"
    assert request.body()["auth"]["params"] == {"connectionString": string}
    assert secret_values(request) == (string, "p@=")
    basic = endpoint_of(basic_row(password="env://PG"))
    assert secret_refs(basic) == (_REF,)
    assert build_request(basic, {_REF: SecretStr(" p;")}).body()["auth"]["params"]["password"] == " p;"


def test_secret_refs_of_literals_are_none() -> None:
    """What is given in clear needs no resolving."""
    assert secret_refs(endpoint_of(basic_row())) == ()
    assert secret_refs(endpoint_of(string_row())) == ()


@pytest.mark.parametrize(
    ("resolved", "message"),
    [
        ({}, "env://PG is not resolved"),
        ({_REF: SecretStr("")}, "env://PG is empty"),
    ],
)
def test_build_request_without_a_secret_raises(resolved: dict[SecretRef, SecretStr], message: str) -> None:
    """A request is never sent with a hole in it."""
    for row in (basic_row(password="env://PG"), string_row(password="env://PG")):
        with pytest.raises(SecretUnavailable) as raised:
            build_request(endpoint_of(row), resolved)
        assert str(raised.value) == message


def test_build_request_of_a_secret_that_would_break_out_raises() -> None:
    """The message names the reference and the remedy, and nothing of the secret."""
    endpoint = endpoint_of(string_row(password="env://PG"))
    with pytest.raises(SecretUnavailable) as raised:
        build_request(endpoint, {_REF: SecretStr("s3cret;Server=evil")})
    assert str(raised.value).startswith("what env://PG holds would break out of its place")
    assert str(raised.value).endswith("use auth=basic")
    assert "s3cret" not in str(raised.value)


def test_secret_values_of_a_whole_string_are_the_string_and_its_password() -> None:
    """A gateway may echo either; the longest comes first, so that nothing of it is left over."""
    request = build_request(endpoint_of(row_of(connectionString=WHOLE)), {})
    assert secret_values(request) == (WHOLE, "p")
    assert secret_values(build_request(endpoint_of(basic_row(password="pass")), {})) == ("pass",)
