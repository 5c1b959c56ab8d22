"""The routes below /connections."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from bulkconn.emulator.doorway import read_body
from bulkconn.emulator.errors import FlowServiceError, framework_error, json_reply, older_error
from bulkconn.emulator.items import build_item
from bulkconn.emulator.listing import Bookmark, Listing, Page, read_listing, write_token
from bulkconn.emulator.menu import Fault, Place
from bulkconn.emulator.patching import read_patch
from bulkconn.emulator.records import Connection, Draft
from bulkconn.emulator.sabotage import (
    Creation,
    Scene,
    draw_lookup,
    note_fault,
    sabotage_create,
    sabotage_deletion,
    sabotage_lookup,
    sabotage_refusal,
    spare,
)
from bulkconn.emulator.sabotage_patch import sabotage_change, sabotage_changed
from bulkconn.emulator.service import BASE_PATH, RECORD, SERVICE

if TYPE_CHECKING:
    from bulkconn.emulator.faults import FaultStep

__all__ = ["ROUTES"]

#: What a connection offers that was told nothing else.
_TABLES: Final = ("public.customers", "public.orders")
#: Where `get_foreign_next` leads; the name can never resolve (RFC 2606).
_FOREIGN: Final = "https://flowservice.invalid/data/foundation/flowservice"


async def create_connection(request: web.Request) -> web.StreamResponse:
    """Answer POST /connections: 201 with Location, id and etag. Names need not be unique."""
    service, record, sandbox = request.app[SERVICE], request[RECORD], request.headers["x-sandbox-name"]
    raw = await read_body(request)
    if isinstance(raw, web.Response):
        return raw
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return framework_error(400, "BadRequestError", "The body of the request is not JSON.")
    name = body.get("name") if isinstance(body, dict) else None
    record.name = name if isinstance(name, str) else None
    step = service.deck.draw(Place.POST, record.name)
    note_fault(request, step)
    scene = Scene(request, step, raw)
    if not step.fault.creates:
        return sabotage_refusal(scene)
    if step.fault is Fault.SLOW_CREATE:
        # aiohttp goes on with a handler whose client has left, so this takes effect in any case.
        await asyncio.sleep(step.length_s)
    _check_version(body)
    service.catalogue.check_body(body, service.settings.sandboxes[sandbox])
    connection = service.books.create(_draft(request, sandbox, body))
    record.connection_id = connection.id
    return await sabotage_create(Creation(scene, connection, f"{BASE_PATH}/connections/{connection.id}"))


def _check_version(body: object) -> None:
    """Refuse a spec without a version, as the destinations API documents: 422 in the older shape."""
    match body:
        case {"connectionSpec": {"id": _, **rest}} if "version" not in rest:
            raise VersionMissingError
        case _:
            pass


class VersionMissingError(FlowServiceError):
    """The body names a connection spec without its version."""

    def __init__(self) -> None:
        """Refuse with 422."""
        super().__init__("422", "version is required for spec info")

    def reply(self) -> web.Response:
        """Give the answer in the older shape, which has no code."""
        return older_error(422, self.message, bare=True)


def _draft(request: web.Request, sandbox: str, body: dict[str, Any]) -> Draft:
    return Draft(
        sandbox=sandbox,
        name=body["name"],
        spec_id=body["connectionSpec"]["id"],
        spec_version=body["connectionSpec"]["version"],
        auth_spec_name=body["auth"]["specName"],
        params=body["auth"]["params"],
        description=body.get("description"),
        client=request.headers["x-api-key"],
        org_id=request.headers["x-gw-ims-org-id"],
    )


async def list_connections(request: web.Request) -> web.StreamResponse:
    """Answer GET /connections: a page of items, or a count."""
    service, sandbox = request.app[SERVICE], request.headers["x-sandbox-name"]
    step = draw_lookup(request)
    answer = await sabotage_lookup(Scene(request, step))
    if answer is not None:
        return answer
    listing, now = read_listing(request.query), time.monotonic()
    if listing.is_count:
        return json_reply(200, {"count": listing.count(service.books, sandbox, now)})
    page = listing.page(service.books, sandbox, now)
    connections = page.connections[1:] if step.fault is Fault.GET_HIDE else page.connections
    secrets = service.settings.secrets_in_replies
    items = [build_item(one, service.catalogue, secrets) for one in connections]
    return json_reply(200, {"items": items, "_links": _links(listing, page, step)})


def _links(listing: Listing, page: Page, step: FaultStep) -> dict[str, Any]:
    following = page.next
    if listing.bookmark.repeats or step.fault is Fault.GET_REPEAT_TOKEN:
        following = listing.bookmark.model_copy(update={"repeats": True})
    host = _FOREIGN if step.fault is Fault.GET_FOREIGN_NEXT else ""
    if host and following is None:
        following = _after_last(listing, page)
    if following is None:
        return {}
    return {"next": {"href": f"{host}/connections?continuationToken={write_token(following)}"}}


def _after_last(listing: Listing, page: Page) -> Bookmark:
    if not page.connections:
        return listing.bookmark
    last = page.connections[-1]
    keys = tuple(field.key(last) for field in listing.order)
    return listing.bookmark.model_copy(update={"keys": keys, "seq": last.seq})


async def show_connection(request: web.Request) -> web.StreamResponse:
    """Answer GET /connections/{id}: the list wrapper with one item."""
    service, step = request.app[SERVICE], draw_lookup(request)
    answer = await sabotage_lookup(Scene(request, step))
    if answer is not None:
        return answer
    connection = _find(request)
    if connection is None or connection.visible_at > time.monotonic() or step.fault is Fault.GET_HIDE:
        return _not_found(request)
    item = build_item(connection, service.catalogue, service.settings.secrets_in_replies)
    return json_reply(200, {"items": [item]})


async def test_connection(request: web.Request) -> web.StreamResponse:
    """Answer GET /connections/{id}/test. There is no database to ask: it says what it was told to."""
    answer = await sabotage_lookup(Scene(request, draw_lookup(request)))
    if answer is not None:
        return answer
    connection = _find(request)
    if connection is None:
        return _not_found(request)
    if connection.test_error is not None:
        raise FlowServiceError("1308-400", connection.test_error)
    return json_reply(200, {"result": connection.works})


async def explore_connection(request: web.Request) -> web.StreamResponse:
    """Answer GET /connections/{id}/explore: the tables at the root, an array as the tabular guide shows."""
    answer = await sabotage_lookup(Scene(request, draw_lookup(request)))
    if answer is not None:
        return answer
    connection = _find(request)
    if connection is None:
        return _not_found(request)
    if request.query.get("objectType", "").lower() != "root":
        raise FlowServiceError("1453-400", "Only objectType=root is known here.")
    if connection.test_error is not None:
        raise FlowServiceError("1308-400", connection.test_error)
    names = _TABLES if connection.tables is None else connection.tables
    return json_reply(
        200,
        [
            {"type": "table", "name": name, "path": name, "canPreview": True, "canFetchSchema": True}
            for name in names
        ],
    )


async def patch_connection(request: web.Request) -> web.StreamResponse:
    """Answer PATCH /connections/{id}: JSON Patch, guarded by the etag in If-Match."""
    service, sandbox = request.app[SERVICE], request.headers["x-sandbox-name"]
    raw = await read_body(request)
    if isinstance(raw, web.Response):
        return raw
    step = service.deck.draw(Place.PATCH)
    note_fault(request, step)
    scene = Scene(request, step, raw)
    refusal = sabotage_change(scene)
    if refusal is not None:
        return refusal
    connection = _find(request)
    if connection is None:
        return _not_found(request)
    if step.fault is Fault.PATCH_OVERTAKEN:
        service.books.change(connection, {}, "somebody-else")
    etag = request.headers.get("If-Match")
    if not etag:
        raise FlowServiceError("1403-400", "The If-Match header is missing.")
    changes = read_patch(raw)
    # One page sends the etag with its quotes, another without.
    if etag.strip('"') != connection.etag.strip('"'):
        text = f"Supplied version=[{etag}] does not match the current version on entity=[{connection.id}]"
        return older_error(412, text)
    if "params" in changes:
        auth = {"specName": connection.auth_spec_name, "params": changes["params"]}
        service.catalogue.check_auth(connection.spec_id, auth, service.settings.sandboxes[sandbox])
    service.books.change(connection, changes, request.headers["x-api-key"])
    return await sabotage_changed(scene, {"id": connection.id, "etag": connection.etag})


async def delete_connection(request: web.Request) -> web.StreamResponse:
    """Answer DELETE /connections/{id}: 204 without a body; 1418 while a flow uses it."""
    service, connection = request.app[SERVICE], _find(request)
    step = service.deck.draw(Place.DELETE)
    note_fault(request, step)
    scene = Scene(request, step)
    refusal = spare(scene)
    if refusal is not None:
        return refusal
    if connection is None:
        return _not_found(request)
    service.uses.check_free(connection.id)
    service.books.delete(connection.id)
    return await sabotage_deletion(scene)


def _find(request: web.Request) -> Connection | None:
    """Give the connection of the path, if it is in the request's sandbox."""
    connection = request.app[SERVICE].books.connection(request.match_info["id"])
    if connection is None or connection.sandbox != request.headers["x-sandbox-name"]:
        return None
    return connection


def _not_found(request: web.Request) -> web.Response:
    return older_error(404, f"connections not found with id = [{request.match_info['id']}]")


_COLLECTION: Final = f"{BASE_PATH}/connections"
_ONE: Final = f"{_COLLECTION}/{{id}}"
ROUTES: Final = (
    web.post(_COLLECTION, create_connection),
    web.get(_COLLECTION, list_connections, allow_head=False),
    web.get(_ONE, show_connection, allow_head=False),
    web.get(f"{_ONE}/test", test_connection, allow_head=False),
    web.get(f"{_ONE}/explore", explore_connection, allow_head=False),
    # The OpenAPI file prints these two with a slash at the end, the tutorials without.
    web.patch(_ONE, patch_connection),
    web.patch(f"{_ONE}/", patch_connection),
    web.delete(_ONE, delete_connection),
    web.delete(f"{_ONE}/", delete_connection),
)
