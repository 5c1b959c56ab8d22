"""The four shapes of error body that Adobe's pages show, and the fault of the emulator that carries one.

Codes are from help/sources/errors/flow-service-errors.md and help/landing/troubleshooting.md; titles and
messages are our own words, because a client must not read them for meaning.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FlowServiceError",
    "flow_service_error",
    "framework_error",
    "gateway_error",
    "json_reply",
    "older_error",
]


class FlowServiceError(Exception):
    """A request that Flow Service refuses; it becomes the reply, and never stops the emulator."""

    def __init__(self, code: str, message: str) -> None:
        """Refuse with `code`, such as `1413-400`: number, dash, HTTP status."""
        super().__init__(message)
        self.code = code
        self.message = message

    def reply(self) -> web.Response:
        """Give the reply that carries this refusal."""
        return flow_service_error(self.code, self.message)


def json_reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """Give a reply with `body` as JSON."""
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers=headers
    )


def gateway_error(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Give shape 1, from Adobe's gateway: `error_code` and `message`."""
    return json_reply(status, {"error_code": code, "message": message}, headers)


def flow_service_error(code: str, message: str) -> web.Response:
    """Give shape 2, from Flow Service: a type URI that ends in the code, and a report.

    Args:
        code: Number, dash, HTTP status: `1413-400`.
        message: One sentence, without a secret.
    """
    status = int(code.rpartition("-")[2])
    body = {
        "type": f"https://ns.adobe.com/aep/errors/FLOW-{code}",
        "title": message,
        "status": status,
        "report": {"detailed-message": message, "request-id": str(uuid.uuid4())},
        "errorMessage": message,
        "errorDetails": message,
    }
    return json_reply(status, body)


def older_error(status: int, message: str, *, bare: bool = False) -> web.Response:
    """Give shape 3, from older parts: `errorMessage` and `errorDetails`, or `message` alone if `bare`."""
    return json_reply(
        status, {"message": message} if bare else {"errorMessage": message, "errorDetails": message}
    )


def framework_error(status: int, title: str, detail: str) -> web.Response:
    """Give shape 4, from the web framework in front of the service: a placeholder type and a title."""
    body = {"type": "/placeholder/type/uri", "status": status, "title": title, "detail": detail}
    return json_reply(status, body)
