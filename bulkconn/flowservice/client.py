"""The requests to Flow Service: create and list connections, look after them, ask what a source takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

import orjson
from yarl import URL

from bulkconn.core.reply import Fault, FaultKind
from bulkconn.flowservice.door import Door
from bulkconn.flowservice.url_rules import check_url

if TYPE_CHECKING:
    from types import TracebackType

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import Clock, Collection, ConnectionPlace, PageQuery, Token
    from bulkconn.core.reply import Reply
    from bulkconn.core.service_spec import Place
    from bulkconn.flowservice.settings import ClientSettings

__all__ = ["FlowService"]

#: An answer to a create is some hundred bytes, a page of a hundred connections some hundred thousand.
_MAX_CREATE_BYTES: Final = 1 << 20
_MAX_PAGE_BYTES: Final = 32 << 20


class FlowService:
    """Flow Service behind one base URL, for one organisation: a `ConnectionApi`, `UpkeepApi` and `SpecApi`.

    An async context manager; `door` is its session, which the token source shares.
    """

    def __init__(self, base_url: str, settings: ClientSettings, clock: Clock) -> None:
        """Prepare; nothing is sent.

        Raises:
            UsageError: the base URL must not be sent credentials, or its proxy cannot be used.
        """
        self._base_url = check_url(base_url, allow_http=settings.allow_http)
        self._connections = URL(f"{self._base_url}/connections", encoded=True)
        self._identity = {"x-api-key": settings.client_id, "x-gw-ims-org-id": settings.org_id}
        self.door = Door(settings, clock)
        self.door.prepare(self._connections)

    def __repr__(self) -> str:
        """Name the base URL and nothing else."""
        return f"FlowService({self._base_url!r})"

    async def __aenter__(self) -> Self:
        """Open the session."""
        await self.door.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session; requests that are still open are cut."""
        await self.door.__aexit__(kind, error, trace)

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one `POST /connections`, once. The secrets leave their wrapping here and nowhere else.

        Repeat: not safe. Cancel: the POST may have been processed.
        """
        if not request.sandbox.isprintable():
            return _NO_HEADER
        try:
            data = orjson.dumps(request.body())
        except TypeError:
            # A lone surrogate. The encoder's message is about types only, but let nobody rest on that.
            return Fault(FaultKind.NOT_SENT, "the request holds text that is not valid Unicode")
        headers = self._headers(request.sandbox, token)
        headers["Content-Type"] = "application/json"
        return await self.door.send(
            "POST", self._connections, headers, data=data, max_bytes=_MAX_CREATE_BYTES
        )

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Fetch one page of `GET /connections`, or the number of matches.

        Repeat: safe (and aiohttp does repeat a GET once when an idle connection turns out to be dead).
        """
        if not query.sandbox.isprintable():
            return _NO_HEADER
        url = URL(f"{self._connections}?{_query_string(query)}".rstrip("?"), encoded=True)
        return await self.door.send(
            "GET", url, self._headers(query.sandbox, token), max_bytes=_MAX_PAGE_BYTES
        )

    async def show_spec(self, place: Place, token: Token) -> Reply | Fault:
        """Fetch `GET /connectionSpecs/{id}` as a sandbox sees it. Repeat: safe."""
        if not place.sandbox.isprintable():
            return _NO_HEADER
        path = quote(place.connection_spec_id, safe="")
        url = URL(f"{self._base_url}/connectionSpecs/{path}", encoded=True)
        return await self.door.send(
            "GET", url, self._headers(place.sandbox, token), max_bytes=_MAX_PAGE_BYTES
        )

    async def show(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Fetch `GET /connections/{id}`. Repeat: safe."""
        return await self._ask(place, "", token)

    async def test(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Let the service try the connection: `GET /connections/{id}/test`. Repeat: safe."""
        return await self._ask(place, "/test", token)

    async def explore(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Ask for the tables at the root: `GET /connections/{id}/explore`. Repeat: safe."""
        return await self._ask(place, "/explore?objectType=root", token)

    async def change_params(
        self,
        place: ConnectionPlace,
        etag: str,
        request: ConnectionRequest,
        token: Token,
    ) -> Reply | Fault:
        """Replace `/auth/params` whole: one PATCH, guarded by the etag, which brings its own quotes.

        There is no documented merge (destinations API). Repeat: safe with a fresh etag.
        """
        if not place.sandbox.isprintable() or not (etag.isascii() and etag.isprintable()):
            return _NO_HEADER
        params = request.body()["auth"]["params"]
        try:
            data = orjson.dumps([{"op": "replace", "path": "/auth/params", "value": params}])
        except TypeError:
            return Fault(FaultKind.NOT_SENT, "the request holds text that is not valid Unicode")
        headers = self._headers(place.sandbox, token)
        headers |= {"Content-Type": "application/json", "If-Match": etag}
        return await self.door.send(
            "PATCH", self._one(place), headers, data=data, max_bytes=_MAX_CREATE_BYTES
        )

    async def list_uses(self, what: Collection, query: PageQuery, token: Token) -> Reply | Fault:
        """Fetch one page of `GET /sourceConnections` or `GET /flows`. Repeat: safe."""
        if not query.sandbox.isprintable():
            return _NO_HEADER
        url = URL(f"{self._base_url}/{what.value}?{_query_string(query)}", encoded=True)
        return await self.door.send(
            "GET", url, self._headers(query.sandbox, token), max_bytes=_MAX_PAGE_BYTES
        )

    async def delete(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Delete a connection: `DELETE /connections/{id}`, which takes no etag. Repeat: safe."""
        if not place.sandbox.isprintable():
            return _NO_HEADER
        headers = self._headers(place.sandbox, token)
        return await self.door.send("DELETE", self._one(place), headers, max_bytes=_MAX_CREATE_BYTES)

    async def _ask(self, place: ConnectionPlace, what: str, token: Token) -> Reply | Fault:
        if not place.sandbox.isprintable():
            return _NO_HEADER
        url = URL(f"{self._one(place)}{what}", encoded=True)
        return await self.door.send(
            "GET", url, self._headers(place.sandbox, token), max_bytes=_MAX_PAGE_BYTES
        )

    def _one(self, place: ConnectionPlace) -> URL:
        """Give the URL of one connection; an id is one segment, whatever is in it."""
        return URL(f"{self._connections}/{quote(place.connection_id, safe='')}", encoded=True)

    def _headers(self, sandbox: str, token: Token) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token.value.get_secret_value()}",
            **self._identity,
            "x-sandbox-name": sandbox,
        }


_NO_HEADER: Final = Fault(FaultKind.NOT_SENT, "sandbox name or etag hold characters that no header can carry")


def _query_string(query: PageQuery) -> str:
    """Write the query; every value is percent-encoded whole, so that none can become another parameter."""
    parts = [f"property={quote(path, safe='.[]')}=={quote(value, safe='')}" for path, value in query.filters]
    if query.count:
        return "&".join([*parts, "count=true"])
    if query.limit is not None:
        parts.append(f"limit={query.limit}")
    if query.order_by is not None:
        parts.append(f"orderby={quote(query.order_by, safe='')}")
    if query.continuation_token is not None:
        parts.append(f"continuationToken={quote(query.continuation_token, safe='')}")
    return "&".join(parts)
