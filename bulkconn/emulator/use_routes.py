"""What people build on a base connection: source connections, and flows that read from them.

Only as much of them as a DELETE and a look at who uses a connection need: they are planted at /emulator/uses,
listed at /sourceConnections and /flows, and a connection that a flow uses cannot be deleted (1418-400, from
help/sources/errors/flow-service-errors.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from bulkconn.emulator.errors import FlowServiceError, json_reply
from bulkconn.emulator.sabotage import Scene, draw_lookup, sabotage_lookup
from bulkconn.emulator.service import BASE_PATH, SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ROUTES"]

#: Items of a page here: small, so that a client must follow the links.
_PAGE: Final = 2


class PlantedUse(BaseModel):
    """A source connection on a base connection, and how many flows read from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connection_id: str
    flows: int = 1


async def plant_use(request: web.Request) -> web.Response:
    """Answer POST /emulator/uses: let somebody use a connection."""
    service = request.app[SERVICE]
    try:
        planted = PlantedUse.model_validate_json(await request.read())
    except ValidationError:
        return json_reply(400, {"error": "connection_id and flows are wanted"})
    connection = service.books.connection(planted.connection_id)
    if connection is None:
        return json_reply(400, {"error": "there is no such connection"})
    source = service.uses.plant(connection.sandbox, connection.id, planted.flows)
    return json_reply(201, {"id": source.id})


async def clear_uses(request: web.Request) -> web.Response:
    """Answer DELETE /emulator/uses/{id}: let nothing use a connection any more."""
    request.app[SERVICE].uses.clear(request.match_info["id"])
    return web.Response(status=204)


async def list_sources(request: web.Request) -> web.StreamResponse:
    """Answer GET /sourceConnections, filtered by baseConnectionId."""
    sandbox, wanted = request.headers["x-sandbox-name"], _wanted(request, "baseConnectionId")
    uses = request.app[SERVICE].uses
    items = [
        {"id": one.id, "baseConnectionId": one.base_connection_id, "state": "enabled", "sandboxName": sandbox}
        for one in uses.sources
        if one.sandbox == sandbox and (wanted is None or one.base_connection_id in wanted)
    ]
    return await _page(request, "sourceConnections", items)


async def list_flows(request: web.Request) -> web.StreamResponse:
    """Answer GET /flows, filtered by sourceConnectionIds."""
    sandbox, wanted = request.headers["x-sandbox-name"], _wanted(request, "sourceConnectionIds")
    uses = request.app[SERVICE].uses
    items = [
        {"id": one.id, "sourceConnectionIds": [one.source_connection_id], "state": "enabled"}
        for one in uses.flows
        if one.sandbox == sandbox and (wanted is None or one.source_connection_id in wanted)
    ]
    return await _page(request, "flows", items)


def _wanted(request: web.Request, path: str) -> set[str] | None:
    """Read the one filter that is taken here; several values are separated by commas."""
    found = request.query.getall("property", [])
    if not found:
        return None
    if len(found) > 1 or not found[0].startswith(f"{path}=="):
        raise FlowServiceError("1449-400", "The property of a filter is not known or cannot be filtered.")
    return set(found[0].removeprefix(f"{path}==").split(","))


async def _page(request: web.Request, what: str, items: Iterable[dict[str, Any]]) -> web.StreamResponse:
    answer = await sabotage_lookup(Scene(request, draw_lookup(request)))
    if answer is not None:
        return answer
    every = list(items)
    token = request.query.get("continuationToken", "0")
    start = int(token) if token.isdecimal() else 0
    links = {}
    if len(every) > start + _PAGE:
        links = {"next": {"href": f"/{what}?continuationToken={start + _PAGE}"}}
    return json_reply(200, {"items": every[start : start + _PAGE], "_links": links})


ROUTES: Final = (
    web.get(f"{BASE_PATH}/sourceConnections", list_sources, allow_head=False),
    web.get(f"{BASE_PATH}/flows", list_flows, allow_head=False),
    web.post("/emulator/uses", plant_use),
    web.delete("/emulator/uses/{id}", clear_uses),
)
