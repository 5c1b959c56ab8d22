"""Read what an error reply says, in whichever of the documented shapes it says it.

Adobe documents four shapes (gateway, Flow Service, older Flow Service, framework), and the token
endpoint has OAuth's own. All are read leniently: any JSON value gives an answer, none raises. What an
error *means* is not decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ErrorInfo", "read_error"]

#: `FLOW-1439-404` at the end of a type URL, or `2105-400`, or a bare number.
_CODE: Final = re.compile(r"(?:([A-Za-z]{2,20})-)?(\d{3,6})(?:-(\d{3}))?")
_MAX_CODE: Final = 100
_MAX_REQUEST_ID: Final = 200

#: Where the message may be, best first, in the body and (first line) in its `report`.
_REPORT_MESSAGES: Final = ("detailed-message", "detailedMessage")
_MESSAGES: Final = (
    "detail",
    "errorMessage",
    "message",
    "title",
    "error_description",
    "errorDetails",
    "error",
)
_REQUEST_IDS: Final = ("request-id", "requestId", "request_id", "x-request-id")
#: Keys that only the service behind the gateway writes.
_SERVICE_KEYS: Final = ("type", "report", "errorMessage", "errorDetails", "title")


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What an error reply says. Free text is as it came: redact `message` before keeping it.

    `code` is the form to show and to group by: `403010` (gateway), `1439-404` (Flow Service),
    `invalid_client` (token endpoint); None where the reply names none. `raw_code` is what the code was
    read from, `FLOW-1439-404`. `number` and `suffix` are its parts, `"1439"` and 404; the suffix repeats
    the HTTP status as the service meant it and is None where the code has none. The catalogues use some
    numbers twice, so key on number, prefix and status together. `message` is never empty. `is_gateway`
    says that the reply has the shape of the API gateway: the service behind it was not reached.
    """

    code: str | None
    message: str
    request_id: str | None
    is_gateway: bool
    raw_code: str | None = None
    prefix: str | None = None
    number: str | None = None
    suffix: int | None = None


def read_error(status: int, body: object) -> ErrorInfo:
    """Read an error reply's parsed body (None where there was none); never raises.

    Args:
        status: The HTTP status; it stands in for a message where the body has none.
        body: Any JSON value.
    """
    found = _object(body)
    report = _object(found.get("report"))
    raw = next(_codes(found, report), None)
    match = _CODE.fullmatch(raw) if raw is not None else None
    prefix, number, suffix = match.groups() if match else (None, None, None)
    return ErrorInfo(
        code=_normal(raw, number, suffix),
        message=_message(status, body, found, report),
        request_id=_request_id(found, report),
        is_gateway=_is_gateway(found),
        raw_code=raw,
        prefix=prefix.upper() if prefix else None,
        number=number,
        suffix=int(suffix) if suffix else None,
    )


def _object(value: object) -> Mapping[str, object]:
    """Give a JSON object as it is, the first one of a list, and an empty one for all else."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _code(value: object) -> str | None:
    """Read a code that may be written as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        # Not str() at once: a number of thousands of digits makes it raise.
        return str(value) if 0 <= value < 10**_MAX_CODE else None
    text = _text(value)
    return text if text and len(text) <= _MAX_CODE and text.isprintable() else None


def _codes(body: Mapping[str, object], report: Mapping[str, object]) -> Iterator[str]:
    """Give every code that the reply names, the most telling first."""
    type_url = _text(body.get("type"))
    if type_url:
        last = type_url.rstrip("/").rpartition("/")[2]
        # Only prefix-number-status: the framework's shape has a placeholder for a type.
        if last[:_MAX_CODE] == last and (match := _CODE.fullmatch(last)) and match[3]:
            yield last
    chain = body.get("error-chain") or report.get("error-chain")
    for value in (
        body.get("error_code"),
        body.get("errorCode"),
        report.get("errorCode"),
        report.get("error-code"),
        _object(chain).get("errorCode"),
        body.get("code"),
        body.get("error"),
    ):
        if code := _code(value):
            yield code


def _normal(raw: str | None, number: str | None, suffix: str | None) -> str | None:
    if number is None:
        return raw
    return f"{number}-{suffix}" if suffix else number


def _message(status: int, body: object, found: Mapping[str, object], report: Mapping[str, object]) -> str:
    candidates = [report.get(key) for key in _REPORT_MESSAGES]
    candidates += [found.get(key) for key in _MESSAGES]
    candidates.append(body)
    texts = (text for value in candidates if (text := _text(value)))
    return next(texts, f"HTTP status {status} without an explanation")


def _request_id(body: Mapping[str, object], report: Mapping[str, object]) -> str | None:
    for holder in (report, body):
        for key in _REQUEST_IDS:
            text = _text(holder.get(key))
            if text and len(text) <= _MAX_REQUEST_ID and text.isprintable():
                return text
    return None


def _is_gateway(body: Mapping[str, object]) -> bool:
    """Tell the gateway's shape from the service's.

    In doubt it is not the gateway's: a 429 of the service itself may follow work already done.
    """
    return (
        _code(body.get("error_code")) is not None
        and _text(body.get("message")) is not None
        and not any(key in body for key in _SERVICE_KEYS)
    )
