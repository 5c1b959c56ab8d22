"""Connection specs that somebody else decides on: shown, and asked for, in the place of the documented ones.

An organisation may see other auth specs than Adobe's pages describe. These routes below /emulator/ let a
test or a rehearsal be such an organisation; they ask for no credentials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from bulkconn.emulator.admin import unreadable
from bulkconn.emulator.errors import json_reply
from bulkconn.emulator.service import SERVICE
from bulkconn.emulator.settings import Cloud

if TYPE_CHECKING:
    from bulkconn.emulator.specs import Catalogue

__all__ = ["ROUTES", "OfferedSpec", "offer", "withdraw"]


class OfferedSpec(BaseModel):
    """A connection spec as the emulator shows it from now on.

    `document` is the item of GET /connectionSpecs/{id}: it must have an `id`, and may be as odd as one
    likes in all else. Requests are held to what can be read of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: dict[str, Any]
    clouds: tuple[Cloud, ...] = tuple(Cloud)

    @model_validator(mode="after")
    def _check_id(self) -> Self:
        if not isinstance(self.document.get("id"), str):
            raise ValueError("document.id must be a text")  # noqa: TRY004 - pydantic reports this kind
        return self


def offer(catalogue: Catalogue, offered: OfferedSpec) -> None:
    """Show a connection spec on its clouds, in the place of one of the same id if there is one."""
    for cloud in offered.clouds:
        catalogue.offer(offered.document, cloud)


def withdraw(catalogue: Catalogue, spec_id: str) -> None:
    """Know a connection spec no longer, on any cloud."""
    for cloud in Cloud:
        catalogue.withdraw(spec_id, cloud)


async def offer_spec(request: web.Request) -> web.Response:
    """Answer POST /emulator/specs: show this connection spec from now on."""
    try:
        offered = OfferedSpec.model_validate_json(await request.read())
    except ValidationError as error:
        return unreadable(error)
    offer(request.app[SERVICE].catalogue, offered)
    return json_reply(201, {"id": offered.document["id"]})


async def withdraw_spec(request: web.Request) -> web.Response:
    """Answer DELETE /emulator/specs/{id}."""
    withdraw(request.app[SERVICE].catalogue, request.match_info["id"])
    return web.Response(status=204)


ROUTES: Final = (
    web.post("/emulator/specs", offer_spec),
    web.delete("/emulator/specs/{id}", withdraw_spec),
)
