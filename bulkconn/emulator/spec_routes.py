"""The routes below /connectionSpecs: what the sandbox's cloud asks for, as JSON Schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from bulkconn.emulator.errors import FlowServiceError, json_reply, older_error
from bulkconn.emulator.menu import Fault
from bulkconn.emulator.sabotage import Scene, draw_lookup, sabotage_lookup
from bulkconn.emulator.service import BASE_PATH, SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROUTES"]

_FIELDS: Final = frozenset({"id", "name", "providerId"})


async def list_specs(request: web.Request) -> web.StreamResponse:
    """Answer GET /connectionSpecs, with `property` filters on id, name and providerId."""
    documents = _documents(request)
    for text in request.query.getall("property", []):
        path, sign, value = text.partition("==")
        if not sign or path not in _FIELDS:
            raise FlowServiceError("1423-400", "Connection specs cannot be filtered by this property.")
        # Pages of 2020 put the value in quotes, later ones do not.
        wanted = {one.strip('"') for one in value.split(",")}
        documents = [document for document in documents if document.get(path) in wanted]
    return json_reply(200, {"items": documents})


async def show_spec(request: web.Request) -> web.StreamResponse:
    """Answer GET /connectionSpecs/{id}: the list wrapper with one item."""
    step = draw_lookup(request)
    answer = await sabotage_lookup(Scene(request, step))
    if answer is not None:
        return answer
    wanted = request.match_info["id"]
    found = [document for document in _documents(request) if document["id"] == wanted]
    if not found or step.fault is Fault.GET_HIDE:
        return older_error(404, f"connection specs not found with id = [{wanted}]")
    return json_reply(200, {"items": found})


def _documents(request: web.Request) -> list[Mapping[str, Any]]:
    service = request.app[SERVICE]
    return service.catalogue.documents(service.settings.sandboxes[request.headers["x-sandbox-name"]])


ROUTES: Final = (
    web.get(f"{BASE_PATH}/connectionSpecs", list_specs, allow_head=False),
    web.get(f"{BASE_PATH}/connectionSpecs/{{id}}", show_spec, allow_head=False),
)
