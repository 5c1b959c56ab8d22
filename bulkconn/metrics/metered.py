"""The door to Flow Service with a meter on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.reply import Fault

if TYPE_CHECKING:
    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import Clock, ConnectionApi, PageQuery, Token
    from bulkconn.core.reply import Reply
    from bulkconn.metrics.meters import Meters


class MeteredConnections:
    """A `ConnectionApi` that counts what goes through it; a request that is cut off too."""

    def __init__(self, api: ConnectionApi, meters: Meters, clock: Clock) -> None:
        self._api = api
        self._meters = meters
        self._clock = clock

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one POST. Repeat: not safe."""
        began_s, result = self._clock.elapsed_s(), "cut_off"
        try:
            reply = await self._api.create(request, token)
            result = _result(reply)
            return reply
        finally:
            self._meters.on_request("post", result, self._clock.elapsed_s() - began_s)

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Fetch one page. Repeat: safe."""
        began_s, result = self._clock.elapsed_s(), "cut_off"
        try:
            reply = await self._api.list_page(query, token)
            result = _result(reply)
            return reply
        finally:
            self._meters.on_request("lookup", result, self._clock.elapsed_s() - began_s)


def _result(reply: Reply | Fault) -> str:
    return reply.kind.value if isinstance(reply, Fault) else str(reply.status)
