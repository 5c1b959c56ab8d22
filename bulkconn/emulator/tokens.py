"""Access tokens that really expire, and the endpoint that gives them out.

From Adobe's pages "ServerToServerAuthentication/ims.md" and "implementation.md" of the developer console:
the form fields, the reply, `expires_in` in seconds. The bodies of refusals are in no page; they are those
that public clients of the endpoint expect.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from bulkconn.emulator.errors import json_reply
from bulkconn.emulator.menu import Fault, Place
from bulkconn.emulator.records import RequestRecord
from bulkconn.emulator.service import SERVICE
from bulkconn.emulator.weather import retry_after_header

if TYPE_CHECKING:
    from aiohttp import web

    from bulkconn.emulator.settings import EmulatorSettings

__all__ = ["TOKEN_PATH", "give_token"]

TOKEN_PATH = "/ims/token/v3"  # noqa: S105 - a path, not a secret


async def give_token(request: web.Request) -> web.Response:
    """Answer POST /ims/token/v3."""
    service = request.app[SERVICE]
    # The query is not kept: the fields may be in it, the client secret among them.
    record = RequestRecord(time.time(), request.method, TOKEN_PATH, "", None)
    service.books.open_request(record, time.monotonic(), is_api=False)
    response = await _answer(request, record)
    record.status = response.status
    service.books.close_request(record, is_api=False)
    return response


async def _answer(request: web.Request, record: RequestRecord) -> web.Response:
    service = request.app[SERVICE]
    step = service.deck.draw(Place.TOKEN)
    if step.fault is not Fault.TOKEN_OK:
        record.fault = str(step.fault)
    if step.fault is Fault.TOKEN_STATUS_500:
        return json_reply(500, {"error": "server_error", "error_description": "internal error"})
    if step.fault is Fault.TOKEN_STATUS_429:
        headers = retry_after_header(service.settings.retry_after, step.length_s)
        return json_reply(429, {"error": "too_many_requests"}, headers)
    fields = {name: value for name, value in request.query.items() if value}
    fields |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    refusal = _refusal(fields, service.settings)
    if refusal is not None:
        error, description = refusal
        return json_reply(400, {"error": error, "error_description": description})
    lifetime_s = service.settings.token_lifetime_s
    token = service.mint.issue(time.monotonic(), lifetime_s)
    body = {"access_token": token, "token_type": "bearer", "expires_in": int(lifetime_s)}
    return json_reply(200, body)


def _refusal(fields: dict[str, str], settings: EmulatorSettings) -> tuple[str, str] | None:
    if fields.get("grant_type") != "client_credentials":
        return "unsupported_grant_type", "grant_type must be client_credentials"
    for name, expected in (
        ("client_id", settings.client_id),
        ("client_secret", settings.client_secret.get_secret_value()),
    ):
        given = fields.get(name, "")
        is_right = (
            bool(given) if settings.any_org else secrets.compare_digest(given.encode(), expected.encode())
        )
        if not is_right:
            return "invalid_client", f"invalid {name} parameter"
    if not fields.get("scope"):
        return "invalid_scope", "scope is missing"
    return None
