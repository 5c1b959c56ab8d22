"""Every documented error shape is read, and nonsense never raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.error_body import ErrorInfo, read_error

FLOW_SERVICE = {
    "type": "https://ns.adobe.com/aep/errors/FLOW-1439-404",
    "title": "Not found",
    "status": 404,
    "report": {"detailed-message": "The entity is not there.", "request-id": "req-7"},
    "errorMessage": "outer",
    "errorDetails": "outer details",
}

SHAPES: dict[str, tuple[int, object, ErrorInfo]] = {
    "gateway": (
        403,
        {"error_code": "403010", "message": "Oauth token is missing"},
        ErrorInfo("403010", "Oauth token is missing", None, True, "403010", None, "403010"),
    ),
    "gateway-with-a-number": (
        401,
        {"error_code": 401013, "message": "Oauth token is not valid"},
        ErrorInfo("401013", "Oauth token is not valid", None, True, "401013", None, "401013"),
    ),
    "flow-service": (
        404,
        FLOW_SERVICE,
        ErrorInfo(
            "1439-404", "The entity is not there.", "req-7", False, "FLOW-1439-404", "FLOW", "1439", 404
        ),
    ),
    "older-flow-service": (
        400,
        {"errorMessage": "spec is unknown", "errorDetails": "same"},
        ErrorInfo(None, "spec is unknown", None, False),
    ),
    "older-flow-service-message": (
        400,
        {"message": "Please provide a valid spec id"},
        ErrorInfo(None, "Please provide a valid spec id", None, False),
    ),
    "framework": (
        400,
        {"type": "/placeholder/type/uri", "status": 400, "title": "BadRequestError", "detail": "no JSON"},
        ErrorInfo(None, "no JSON", None, False),
    ),
    "token-endpoint": (
        400,
        {"error": "invalid_client", "error_description": "invalid client_secret parameter"},
        ErrorInfo("invalid_client", "invalid client_secret parameter", None, False, "invalid_client"),
    ),
    "other-service": (
        429,
        {"title": "RequestRateTooLarge", "status": 429, "detail": "slow down"},
        ErrorInfo(None, "slow down", None, False),
    ),
    "error-code-with-suffix": (
        400,
        {"errorCode": "2105-400", "errorMessage": "x-sandbox-name is missing"},
        ErrorInfo("2105-400", "x-sandbox-name is missing", None, False, "2105-400", None, "2105", 400),
    ),
    "error-code-without-suffix": (
        404,
        {"report": {"errorCode": 2100}, "requestId": "r"},
        ErrorInfo("2100", "HTTP status 404 without an explanation", "r", False, "2100", None, "2100"),
    ),
    "error-chain": (
        404,
        {"report": {"error-chain": [{"serviceId": "x", "errorCode": "flow-2101-404"}]}, "title": "no"},
        ErrorInfo("2101-404", "no", None, False, "flow-2101-404", "FLOW", "2101", 404),
    ),
    "list-of-one": (400, [{"message": "m"}], ErrorInfo(None, "m", None, False)),
    "plain-text": (502, " bad gateway ", ErrorInfo(None, "bad gateway", None, False)),
    "nothing": (503, None, ErrorInfo(None, "HTTP status 503 without an explanation", None, False)),
    "only-details": (400, {"errorDetails": "d"}, ErrorInfo(None, "d", None, False)),
    "empty-list": (400, [], ErrorInfo(None, "HTTP status 400 without an explanation", None, False)),
}


@pytest.mark.parametrize(("status", "body", "expected"), SHAPES.values(), ids=SHAPES.keys())
def test_read_error_shape_gives_code_message_and_request_id(
    status: int, body: object, expected: ErrorInfo
) -> None:
    """Each shape gives all that it holds."""
    assert read_error(status, body) == expected


MESSAGES = ["detail", "errorMessage", "message", "title", "error_description", "errorDetails", "error"]


def test_read_error_several_messages_takes_the_most_detailed() -> None:
    """The report's own words come first, then the others in their order, blanks not counting."""
    body: dict[str, Any] = {key: f"the {key}" for key in MESSAGES}
    body["report"] = {"detailed-message": "in detail"}
    assert read_error(400, body).message == "in detail"
    body["report"] = {"detailed-message": "  "}
    for key in MESSAGES:
        assert read_error(400, body).message == f"the {key}"
        body[key] = ""


@pytest.mark.parametrize("extra", ["type", "report", "errorMessage", "errorDetails", "title"])
def test_read_error_gateway_code_beside_service_keys_is_not_the_gateway(extra: str) -> None:
    """Only the bare shape says that the service was not reached."""
    body = {"error_code": "429050", "message": "Too many requests"}
    assert read_error(429, body).is_gateway
    assert not read_error(429, body | {extra: "x"}).is_gateway


@pytest.mark.parametrize(
    "body",
    [
        {"error_code": "429050"},
        {"message": "m"},
        {"error_code": "", "message": "m"},
        {"error_code": None, "message": "m"},
    ],
    ids=["no-message", "no-code", "empty-code", "null-code"],
)
def test_read_error_half_a_gateway_shape_is_not_the_gateway(body: object) -> None:
    """Both halves must be there."""
    assert not read_error(429, body).is_gateway


@pytest.mark.parametrize(
    "code",
    [True, -1, 1.5, "x" * 101, "two\nlines", [], 10**200, ""],
    ids=["bool", "negative", "float", "long", "lines", "list", "huge", "empty"],
)
def test_read_error_code_that_is_none_is_left_out(code: object) -> None:
    """What cannot be a code is not taken for one."""
    assert read_error(400, {"error_code": code}).code is None


@pytest.mark.parametrize("request_id", ["x" * 201, "two\nlines", 5], ids=["long", "lines", "number"])
def test_read_error_request_id_that_is_none_is_left_out(request_id: object) -> None:
    """A request id is one short printable line."""
    assert read_error(400, {"report": {"request-id": request_id}}).request_id is None


@pytest.mark.parametrize(
    "type_url",
    ["https://x/FLOW-1439", "https://x/" + "1" * 200, "about:blank", 7, "/"],
    ids=["no-suffix", "long", "blank", "number", "slash"],
)
def test_read_error_type_without_a_code_gives_none(type_url: object) -> None:
    """A type URL counts only with number and status at its end."""
    assert read_error(400, {"type": type_url, "title": "t"}).code is None


keys = st.sampled_from(
    [
        "type",
        "title",
        "report",
        "error_code",
        "errorCode",
        "message",
        "error",
        "request-id",
        "error-chain",
        "code",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(status=st.integers(100, 599), body=json_values)
def test_read_error_any_json_value_never_raises(status: int, body: object) -> None:
    """Nonsense gives a message and no exception."""
    info = read_error(status, body)
    assert info.message
    assert info.code is None or info.code.isprintable()
