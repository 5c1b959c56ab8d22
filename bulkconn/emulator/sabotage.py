"""What each fault does to a request. Order and chance are decided elsewhere; this only carries it out."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from bulkconn.emulator.doorway import bearer_token
from bulkconn.emulator.errors import (
    flow_service_error,
    framework_error,
    gateway_error,
    json_reply,
    older_error,
)
from bulkconn.emulator.menu import Fault, Place
from bulkconn.emulator.service import RECORD, SERVICE
from bulkconn.emulator.weather import retry_after_header, too_many_requests
from bulkconn.emulator.wire import NoReply, cut_reply, reset, write_garbage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bulkconn.emulator.faults import FaultStep
    from bulkconn.emulator.records import Connection
    from bulkconn.emulator.service import Service

__all__ = [
    "Creation",
    "Scene",
    "draw_lookup",
    "echo",
    "internal_error",
    "note_fault",
    "revoke",
    "sabotage_create",
    "sabotage_deletion",
    "sabotage_lookup",
    "sabotage_refusal",
    "spare",
    "throttle",
]


@dataclass(frozen=True, slots=True)
class Scene:
    """A request that meets a fault."""

    request: web.Request
    step: FaultStep
    #: Body of a POST; b"" for a lookup.
    body: bytes = b""

    @property
    def service(self) -> Service:
        """The parts of the emulator."""
        return self.request.app[SERVICE]


def _storm(scene: Scene) -> web.Response:
    return scene.service.weather.begin_storm(time.monotonic(), scene.step.length_s)


def _outage(scene: Scene) -> web.Response:
    return scene.service.weather.begin_outage(time.monotonic(), scene.step.length_s)


def _down(scene: Scene) -> web.Response:
    scene.service.go_down(scene.step.length_s)
    return NoReply()


def revoke(scene: Scene) -> web.Response:
    """Refuse a request for its token, now and whenever it is used again."""
    token = bearer_token(scene.request)
    if token is not None:
        scene.service.mint.revoke(token)
    return gateway_error(401, "401013", "Oauth token is not valid")


def throttle(scene: Scene) -> web.Response:
    """Refuse a request for its pace, in the gateway's shape."""
    return too_many_requests(scene.service.settings.retry_after, scene.step.length_s)


def _unavailable(scene: Scene) -> web.Response:
    seconds = scene.step.seconds
    form = scene.service.settings.retry_after
    return web.Response(status=503, headers=None if seconds is None else retry_after_header(form, seconds))


def echo(scene: Scene) -> web.Response:
    """Refuse a request, and repeat its body."""
    return older_error(400, f"Cannot process the request: {scene.body.decode('utf-8', 'replace')}")


def _html(status: int, heading: str) -> web.Response:
    text = f"<html><body><h1>{status} {heading}</h1></body></html>"
    return web.Response(status=status, text=text, content_type="text/html")


def internal_error() -> web.Response:
    """Give a 500 in Flow Service's shape."""
    return flow_service_error("1102-500", "An internal error has occurred. Please try again.")


#: What a POST gets that creates nothing.
_REFUSALS: Final[dict[Fault, Callable[[Scene], web.Response]]] = {
    Fault.RESET_BEFORE: lambda scene: reset(scene.request),
    Fault.STATUS_500_BEFORE: lambda _: internal_error(),
    Fault.STATUS_503: _unavailable,
    Fault.STATUS_429: throttle,
    Fault.STATUS_429_ODD: lambda _: _html(429, "Slow down"),
    Fault.STORM_429: _storm,
    Fault.REVOKE_TOKEN: revoke,
    Fault.DOWN: _down,
    Fault.OUTAGE: _outage,
    Fault.REDIRECT_302: lambda _: web.Response(
        status=302, headers={"Location": "https://login.invalid/data/foundation/flowservice/connections"}
    ),
    Fault.STATUS_400: lambda _: flow_service_error("1312-400", "Not a valid value: auth.params.server."),
    Fault.NOT_ENTITLED: lambda _: flow_service_error("1100-400", "Not entitled to use this source."),
    Fault.STATUS_403: lambda _: gateway_error(403, "403025", "Profile is not valid"),
    Fault.STATUS_404_PLAIN: lambda _: web.Response(status=404, text="Not Found"),
    Fault.STATUS_408: lambda _: flow_service_error("1006-408", "The request timed out. Please try again."),
    Fault.STATUS_409: lambda _: older_error(409, "The request conflicts with another one."),
    Fault.STATUS_413: lambda _: framework_error(413, "PayloadTooLargeError", "request entity too large"),
    Fault.STATUS_422: lambda _: older_error(422, "The request cannot be processed.", bare=True),
    Fault.ECHO: echo,
}


def sabotage_refusal(scene: Scene) -> web.Response:
    """Carry out a fault of a POST that creates nothing, and give the answer."""
    return _REFUSALS[scene.step.fault](scene)


@dataclass(frozen=True, slots=True)
class Creation:
    """A POST that has created something, and what it should be told."""

    scene: Scene
    connection: Connection
    #: Value of the Location header.
    location: str

    @property
    def body(self) -> dict[str, str]:
        """What the usual reply says."""
        return {"id": self.connection.id, "etag": self.connection.etag}

    @property
    def headers(self) -> dict[str, str]:
        """Where the usual reply leads."""
        return {"Location": self.location}


#: What a POST gets that has created something; those not here get the usual 201.
_AFTERMATHS: Final[dict[Fault, Callable[[Creation], web.Response]]] = {
    Fault.RESET_AFTER_CREATE: lambda done: reset(done.scene.request),
    Fault.STATUS_500_AFTER: lambda _: internal_error(),
    Fault.STATUS_504_AFTER: lambda _: gateway_error(504, "504000", "Gateway timeout"),
    Fault.BAD_JSON: lambda _: web.Response(
        status=201, body=b'{"id": <created>', content_type="application/json"
    ),
    Fault.NO_ID: lambda _: json_reply(201, {}),
    Fault.LOCATION_ONLY: lambda done: web.Response(status=201, headers=done.headers),
    Fault.BODY_ONLY: lambda done: json_reply(201, done.body),
    Fault.STATUS_429_ODD_AFTER: lambda _: _html(429, "Slow down"),
    Fault.GARBAGE: lambda done: write_garbage(done.scene.request),
}


async def sabotage_create(done: Creation) -> web.StreamResponse:
    """Carry out what follows a creation: the usual 201, or a fault that hides it."""
    step = done.scene.step
    if step.fault is Fault.CUT_BODY:
        # Half of it ends within the id, so that nothing of use arrives.
        return await cut_reply(done.scene.request, 201, json.dumps({"id": done.connection.id}).encode())
    if step.fault is Fault.SLOW:
        await asyncio.sleep(step.length_s)
    aftermath = _AFTERMATHS.get(step.fault)
    return json_reply(201, done.body, done.headers) if aftermath is None else aftermath(done)


#: What a DELETE gets that deletes nothing.
_SPARED: Final[dict[Fault, Callable[[Scene], web.Response]]] = {
    Fault.DELETE_RESET: lambda scene: reset(scene.request),
    Fault.DELETE_STATUS_500: lambda _: internal_error(),
    Fault.DELETE_STATUS_404_PLAIN: lambda _: web.Response(status=404, text="Not Found"),
    Fault.DELETE_STATUS_400: lambda _: flow_service_error("1416-400", "It cannot be deleted in this state."),
}


def spare(scene: Scene) -> web.Response | None:
    """Give the answer of a DELETE that deletes nothing; None = delete it."""
    act = _SPARED.get(scene.step.fault)
    return None if act is None else act(scene)


async def sabotage_deletion(scene: Scene) -> web.Response:
    """Carry out what follows a deletion: the usual 204, or a fault that hides it."""
    match scene.step.fault:
        case Fault.DELETE_RESET_AFTER:
            return reset(scene.request)
        case Fault.DELETE_STATUS_504_AFTER:
            return gateway_error(504, "504000", "Gateway timeout")
        case Fault.DELETE_STATUS_202:
            return web.Response(status=202)
        case Fault.DELETE_SLOW:
            await asyncio.sleep(scene.step.length_s)
    return web.Response(status=204)


async def _slow_lookup(scene: Scene) -> None:
    await asyncio.sleep(scene.step.length_s)


async def _cut_lookup(scene: Scene) -> web.StreamResponse:
    return await cut_reply(scene.request, 200, b'{"items":[{"id":"00000000-0000-4000-8000-000000000000"}]}')


async def _no_json(_: Scene) -> web.StreamResponse:
    return web.Response(body=b'{"items": [', content_type="application/json")


async def _odd_shape(_: Scene) -> web.StreamResponse:
    return json_reply(200, {"items": {}})


async def _lookup_error(_: Scene) -> web.StreamResponse:
    return internal_error()


async def _lookup_forbidden(_: Scene) -> web.StreamResponse:
    return gateway_error(403, "403025", "Profile is not valid")


async def _lookup_throttled(scene: Scene) -> web.StreamResponse:
    return throttle(scene)


async def _lookup_lost(_: Scene) -> web.StreamResponse:
    return web.Response(status=404, text="Not Found")


async def _lookup_reset(scene: Scene) -> web.StreamResponse:
    return reset(scene.request)


_LOOKUPS: Final[dict[Fault, Callable[[Scene], Awaitable[web.StreamResponse | None]]]] = {
    Fault.GET_STATUS_500: _lookup_error,
    Fault.GET_STATUS_403: _lookup_forbidden,
    Fault.GET_STATUS_429: _lookup_throttled,
    Fault.GET_STATUS_404_PLAIN: _lookup_lost,
    Fault.GET_RESET: _lookup_reset,
    Fault.GET_SLOW: _slow_lookup,
    Fault.GET_CUT_BODY: _cut_lookup,
    Fault.GET_BAD_JSON: _no_json,
    Fault.GET_ODD_SHAPE: _odd_shape,
}


def draw_lookup(request: web.Request) -> FaultStep:
    """Draw what befalls a lookup, and note it in the books."""
    step = request.app[SERVICE].deck.draw(Place.LOOKUP)
    note_fault(request, step)
    return step


def note_fault(request: web.Request, step: FaultStep) -> None:
    """Note a fault in the books of its request."""
    if step.fault not in (Fault.OK, Fault.GET_OK, Fault.DELETE_OK, Fault.PATCH_OK):
        request[RECORD].fault = str(step.fault)


async def sabotage_lookup(scene: Scene) -> web.StreamResponse | None:
    """Carry out a fault of a lookup, and give the answer; None = answer as usual.

    The faults that change an otherwise right answer (`get_hide`, `get_repeat_token`, `get_foreign_next`)
    are not here: the route carries them out.
    """
    act = _LOOKUPS.get(scene.step.fault)
    return None if act is None else await act(scene)
