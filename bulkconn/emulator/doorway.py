"""What every API request passes before its route: the books, the weather, the limit, the headers.

Headers and their error codes are from Adobe's page help/landing/troubleshooting.md; the sandbox codes are
from help/sources/errors/flow-service-errors.md.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from aiohttp import web

from bulkconn.emulator.errors import FlowServiceError, flow_service_error, framework_error, gateway_error
from bulkconn.emulator.records import RequestRecord
from bulkconn.emulator.service import BASE_PATH, RECORD, SERVICE, Service
from bulkconn.emulator.weather import too_many_requests
from bulkconn.emulator.wire import NoReply

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

__all__ = ["bearer_token", "doorway", "read_body"]


@web.middleware
async def doorway(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep the books of an API request and let it through to its route, or answer it here."""
    path = request.path
    if not path.startswith(f"{BASE_PATH}/"):
        return await handler(request)
    service = request.app[SERVICE]
    now = time.monotonic()
    record = RequestRecord(
        time.time(),
        request.method,
        path.removeprefix(BASE_PATH),
        request.query_string,
        request.headers.get("x-sandbox-name"),
    )
    request[RECORD] = record
    service.books.open_request(record, now, is_api=True)
    try:
        response = await _answer(request, handler, service, now)
        # Whoever reset the connection meanwhile, this answer is not going to be read.
        if not isinstance(response, NoReply) and (response.prepared or request.transport is not None):
            record.status = response.status
        return response
    finally:
        service.books.close_request(record, is_api=True)


async def _answer(request: web.Request, handler: Handler, service: Service, now: float) -> web.StreamResponse:
    """Answer a request, half of the latency before it takes effect and half after."""
    refusal = service.weather.answer(now)
    if refusal is None and service.limit is not None:
        wait_s = service.limit.admit(now)
        if wait_s is not None:
            refusal = too_many_requests(service.settings.retry_after, wait_s)
    latency_s = service.draw_latency_s()
    response: web.StreamResponse
    try:
        # Read before the wait: a request that arrived whole takes effect though its client dies meanwhile.
        await request.read()
        if latency_s:
            await asyncio.sleep(latency_s / 2)
        response = (
            refusal
            or _check_identity(request, service)
            or _check_place(request, service)
            or await handler(request)
        )
    except FlowServiceError as error:
        response = error.reply()
    except web.HTTPException as error:
        # aiohttp's own 404, 405 and 413, which a wrong path or a huge body brings.
        response = web.Response(status=error.status, text=error.text)
    if latency_s:
        await asyncio.sleep(latency_s / 2)
    return response


def bearer_token(request: web.Request) -> str | None:
    """Give the request's access token; None if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def _check_identity(request: web.Request, service: Service) -> web.Response | None:
    """Give the refusal that token and client id deserve, or None."""
    token = bearer_token(request)
    if token is None:
        return gateway_error(403, "403010", "Oauth token is missing.")
    api_key = request.headers.get("x-api-key")
    if not api_key:
        return gateway_error(403, "403000", "Api Key is required")
    if not service.mint.is_good(token, time.monotonic()):
        return gateway_error(401, "401013", "Oauth token is not valid")
    if not service.settings.any_org and api_key != service.settings.client_id:
        return gateway_error(403, "403003", "Api Key is invalid")
    return None


def _check_place(request: web.Request, service: Service) -> web.Response | None:
    """Give the refusal that organisation and sandbox deserve, or None."""
    org_id = request.headers.get("x-gw-ims-org-id")
    if not org_id:
        return gateway_error(400, "400003", "Missing required header: x-gw-ims-org-id")
    if not service.settings.any_org and org_id != service.settings.org_id:
        return gateway_error(403, "403027", "User region is missing")
    return _check_sandbox(request, service)


def _check_sandbox(request: web.Request, service: Service) -> web.Response | None:
    if "x-sandbox-id" in request.headers:
        return flow_service_error("2110-400", "x-sandbox-id is not allowed with this token.")
    sandbox = request.headers.get("x-sandbox-name")
    if not sandbox:
        return flow_service_error("2105-400", "x-sandbox-name is missing.")
    if sandbox == "*":
        return flow_service_error("2111-403", "A query over all sandboxes is not allowed with this token.")
    if sandbox not in service.settings.sandboxes:
        return flow_service_error("2100-404", "There is no such sandbox.")
    return None


async def read_body(request: web.Request) -> bytes | web.Response:
    """Give the raw body of a request that must be JSON, or the refusal of another content type."""
    if request.content_type != "application/json":
        return framework_error(
            400, "BadRequestError", "The content type of the request is not application/json."
        )
    return await request.read()
