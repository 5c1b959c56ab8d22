"""The routes at /emulator, which Adobe does not have: a look at the books, faults, strangers.

They ask for no credentials, so that a test in another process can use them. Whoever reaches the port may
use them: the emulator belongs on a loopback address.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bulkconn.emulator.errors import json_reply
from bulkconn.emulator.faults import FaultPlan
from bulkconn.emulator.items import build_item
from bulkconn.emulator.records import Connection, Draft
from bulkconn.emulator.service import SERVICE, Service
from bulkconn.emulator.settings import SecretsInReplies

if TYPE_CHECKING:
    from bulkconn.emulator.books import Books

__all__ = ["ROUTES", "Alteration", "PlantedConnection", "alter", "plant", "summarise", "unreadable"]

#: Connections written to a listing at a time.
_CHUNK: Final = 500


class PlantedConnection(BaseModel):
    """A connection that somebody else made: put there without a POST, visible at once, not checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: str
    name: str
    connection_spec_id: str
    connection_spec_version: str = "1.0"
    auth_spec_name: str = "Basic Authentication"
    #: May hold secrets; they are shown as those of other connections are.
    params: dict[str, Any] = Field(default_factory=dict, repr=False)
    description: str | None = None
    created_client: str = "somebody-else"


class Alteration(BaseModel):
    """What somebody else does to a connection, or its database: what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    connection_spec_id: str | None = None
    state: str | None = None
    #: Parameters that take the place of those of the same name.
    params: dict[str, Any] = Field(default_factory=dict, repr=False)
    #: What `/test` says from now on.
    works: bool | None = None
    #: With what `/test` is refused from now on; "" for no longer.
    test_error: str | None = None
    #: What `/explore` says from now on.
    tables: tuple[str, ...] | None = None


def alter(service: Service, connection_id: str, alteration: Alteration) -> bool:
    """Change a connection behind its owner's back; False where there is none of that id."""
    connection = service.books.connection(connection_id)
    if connection is None:
        return False
    changes: dict[str, Any] = {}
    if alteration.name is not None:
        changes["name"] = alteration.name
    if alteration.connection_spec_id is not None:
        changes["spec_id"] = alteration.connection_spec_id
    if alteration.params:
        changes["params"] = {**connection.params, **alteration.params}
    if changes:
        service.books.change(connection, changes, "somebody-else")
    if alteration.state is not None:
        connection.state = alteration.state
    if alteration.works is not None:
        connection.works = alteration.works
    if alteration.test_error is not None:
        connection.test_error = alteration.test_error or None
    if alteration.tables is not None:
        connection.tables = alteration.tables
    return True


def plant(service: Service, planted: PlantedConnection) -> Connection:
    """Make a connection exist.

    Raises:
        ValueError: The emulator has no such sandbox.
    """
    if planted.sandbox not in service.settings.sandboxes:
        known = ", ".join(service.settings.sandboxes)
        raise ValueError(f"there is no sandbox {planted.sandbox!r}; the emulator has {known}")
    draft = Draft(
        sandbox=planted.sandbox,
        name=planted.name,
        spec_id=planted.connection_spec_id,
        spec_version=planted.connection_spec_version,
        auth_spec_name=planted.auth_spec_name,
        params=planted.params,
        description=planted.description,
        client=planted.created_client,
        org_id=service.settings.org_id,
    )
    return service.books.create(draft, is_planted=True)


def summarise(books: Books) -> dict[str, Any]:
    """Give the counts of the books as JSON: no connections, no requests, no secrets."""
    return {
        "connection_count": books.connection_count,
        "duplicates": [
            {"sandbox": sandbox, "connection_spec_id": spec_id, "name": name, "ids": ids}
            for (sandbox, spec_id, name), ids in books.duplicates().items()
        ],
        "posts": books.posts,
        "api_requests": books.api_requests,
        "token_requests": books.token_requests,
        "answers": {str(status): number for status, number in sorted(books.answers().items())},
        "unanswered": books.unanswered,
        "faults": books.faults(),
        "max_per_second": books.max_per_second,
    }


async def introduce(request: web.Request) -> web.Response:
    """Answer GET /emulator: that this is an emulator, its sandboxes, and counts that cost nothing."""
    service = request.app[SERVICE]
    books = service.books
    return json_reply(
        200,
        {
            "emulator": "bulkconn",
            "sandboxes": dict(service.settings.sandboxes),
            "connection_count": books.connection_count,
            "posts": books.posts,
            "api_requests": books.api_requests,
        },
    )


async def show_books(request: web.Request) -> web.Response:
    """Answer GET /emulator/books; `?connections=false` leaves the connections out."""
    service = request.app[SERVICE]
    body = summarise(service.books)
    if request.query.get("connections", "true") != "false":
        body["connections"] = [
            {**build_item(one, service.catalogue, SecretsInReplies.DROP), "planted": one.is_planted}
            for one in service.books.all_connections()
        ]
    return json_reply(200, body)


async def show_requests(request: web.Request) -> web.Response:
    """Answer GET /emulator/requests: the log, oldest first, without bodies and headers."""
    records = request.app[SERVICE].books.requests()
    return json_reply(200, {"requests": [asdict(record) for record in records]})


async def list_connections(request: web.Request) -> web.StreamResponse:
    """Answer GET /emulator/connections: who exists, an object a line, however many there are."""
    response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
    await response.prepare(request)
    # A copy: others may create and delete while this is written.
    everything = iter(request.app[SERVICE].books.all_connections())
    while chunk := list(islice(everything, _CHUNK)):
        lines = (
            orjson.dumps(
                {
                    "id": one.id,
                    "sandbox": one.sandbox,
                    "name": one.name,
                    "connection_spec_id": one.spec_id,
                    "planted": one.is_planted,
                }
            )
            for one in chunk
        )
        await response.write(b"\n".join((*lines, b"")))
    return response


async def replace_faults(request: web.Request) -> web.Response:
    """Answer POST /emulator/faults: follow the plan of the body from now on; `{}` = no more faults.

    `?seed=N` also draws new dice.
    """
    seed = request.query.get("seed")
    try:
        plan = FaultPlan.model_validate_json(await request.read())
        request.app[SERVICE].plan_faults(plan, None if seed is None else int(seed))
    except ValidationError as error:
        return unreadable(error)
    except ValueError:
        return json_reply(400, {"error": "seed: a whole number is wanted"})
    return json_reply(200, plan.model_dump(mode="json"))


async def revoke_tokens(request: web.Request) -> web.Response:
    """Answer POST /emulator/revoke: every token issued so far is refused from now on."""
    return json_reply(200, {"revoked": request.app[SERVICE].mint.revoke_all()})


async def plant_connection(request: web.Request) -> web.Response:
    """Answer POST /emulator/connections: put a stranger's connection there."""
    try:
        planted = PlantedConnection.model_validate_json(await request.read())
        connection = plant(request.app[SERVICE], planted)
    except ValidationError as error:
        return unreadable(error)
    except ValueError as error:
        return json_reply(400, {"error": str(error)})
    return json_reply(201, {"id": connection.id, "etag": connection.etag})


async def alter_connection(request: web.Request) -> web.Response:
    """Answer POST /emulator/connections/{id}: somebody changes it, or its test fails from now on."""
    try:
        alteration = Alteration.model_validate_json(await request.read())
    except ValidationError as error:
        return unreadable(error)
    is_there = alter(request.app[SERVICE], request.match_info["id"], alteration)
    return web.Response(status=204) if is_there else json_reply(404, {"error": "there is no such connection"})


async def remove_connection(request: web.Request) -> web.Response:
    """Answer DELETE /emulator/connections/{id}: as if somebody had deleted it in the UI."""
    is_gone = request.app[SERVICE].books.delete(request.match_info["id"])
    return web.Response(status=204) if is_gone else json_reply(404, {"error": "there is no such connection"})


def unreadable(error: ValidationError) -> web.Response:
    """Refuse the body of an admin request, naming what is wrong and showing no value."""
    problems = [
        f"{'.'.join(str(step) for step in one['loc']) or 'body'}: {one['msg']}"
        for one in error.errors(include_input=False, include_url=False)
    ]
    return json_reply(400, {"error": "; ".join(problems)})


ROUTES: Final = (
    web.get("/emulator", introduce),
    web.get("/emulator/books", show_books),
    web.get("/emulator/connections", list_connections),
    web.get("/emulator/requests", show_requests),
    web.post("/emulator/faults", replace_faults),
    web.post("/emulator/revoke", revoke_tokens),
    web.post("/emulator/connections", plant_connection),
    web.post("/emulator/connections/{id}", alter_connection),
    web.delete("/emulator/connections/{id}", remove_connection),
)
