"""What each fault does to a PATCH: before the change, or to the answer after it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from aiohttp import web

from bulkconn.emulator.errors import json_reply
from bulkconn.emulator.menu import Fault
from bulkconn.emulator.sabotage import Scene, echo, internal_error, revoke, throttle
from bulkconn.emulator.wire import cut_reply, reset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["sabotage_change", "sabotage_changed"]

#: What a PATCH gets that changes nothing.
_REFUSALS: Final[dict[Fault, Callable[[Scene], web.Response]]] = {
    Fault.PATCH_RESET_BEFORE: lambda scene: reset(scene.request),
    Fault.PATCH_STATUS_500_BEFORE: lambda _: internal_error(),
    Fault.PATCH_STATUS_429: throttle,
    Fault.PATCH_REVOKE_TOKEN: revoke,
    Fault.PATCH_ECHO: echo,
}
#: What a PATCH gets that has changed something; those not here get the usual 200.
_AFTERMATHS: Final[dict[Fault, Callable[[Scene], web.Response]]] = {
    Fault.PATCH_RESET_AFTER: lambda scene: reset(scene.request),
    Fault.PATCH_STATUS_500_AFTER: lambda _: internal_error(),
    Fault.PATCH_BAD_JSON: lambda _: web.Response(body=b'{"id": <changed>', content_type="application/json"),
}


def sabotage_change(scene: Scene) -> web.Response | None:
    """Carry out a fault of a PATCH that changes nothing, and give the answer; None = go on."""
    refuse = _REFUSALS.get(scene.step.fault)
    return None if refuse is None else refuse(scene)


async def sabotage_changed(scene: Scene, body: Mapping[str, str]) -> web.StreamResponse:
    """Carry out what follows a change: the usual 200, or a fault that hides it."""
    step = scene.step
    if step.fault is Fault.PATCH_CUT_BODY:
        return await cut_reply(scene.request, 200, json.dumps(body).encode())
    if step.fault is Fault.PATCH_SLOW:
        await asyncio.sleep(step.length_s)
    aftermath = _AFTERMATHS.get(step.fault)
    return json_reply(200, dict(body)) if aftermath is None else aftermath(scene)
