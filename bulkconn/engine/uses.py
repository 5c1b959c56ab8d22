"""What is built on a base connection: its source connections, and the flows that read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.listing import IdPage, read_ids
from bulkconn.core.protocols import Collection, PageQuery
from bulkconn.engine.lookup import Unknown

if TYPE_CHECKING:
    from bulkconn.core.protocols import ConnectionPlace, UpkeepApi
    from bulkconn.core.reply import Reply
    from bulkconn.engine.context import RunContext
    from bulkconn.engine.lookup import Looker

#: Pages that are followed: who has more uses than this has uses.
_PAGES_MAX: Final = 100


class UseLooker:
    """Asks who uses a connection. Only a complete answer says "nobody"."""

    def __init__(self, run: RunContext, looker: Looker, api: UpkeepApi) -> None:
        self._run = run
        self._looker = looker
        self._api = api

    async def count(self, place: ConnectionPlace) -> tuple[int | None, int | None]:
        """Count source connections of a connection and flows of these; None: not known."""
        sources = await self._ids(place.sandbox, Collection.SOURCES, "baseConnectionId", place.connection_id)
        if sources is None:
            return None, None
        flows = 0
        for source in sorted(sources):
            found = await self._ids(place.sandbox, Collection.FLOWS, "sourceConnectionIds", source)
            if found is None:
                return len(sources), None
            flows += len(found)
        return len(sources), flows

    async def _ids(self, sandbox: str, what: Collection, path: str, value: str) -> set[str] | None:
        ids: set[str] = set()
        seen: set[str] = set()
        token: str | None = None
        for _ in range(_PAGES_MAX):
            query = PageQuery(sandbox, ((path, value),), continuation_token=token)
            page = await self._looker.ask(
                sandbox,
                lambda token, query=query: self._api.list_uses(what, query, token),  # type: ignore[misc]  # a default
                _read,
                odd="the page is not a complete list",
            )
            if isinstance(page, Unknown):
                return None
            ids |= set(page.ids)
            token = page.continuation_token
            if token is None:
                return ids
            if token in seen:
                return None
            seen.add(token)
        return ids


def _read(reply: Reply) -> IdPage | None:
    page = read_ids(reply)
    return page if isinstance(page, IdPage) else None
