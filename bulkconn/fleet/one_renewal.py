"""One token for all shards of a worker: several engines ask for a new one, one request is made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkconn.core.protocols import Token, TokenFailure, TokenSource


class OneRenewal:
    """A `TokenSource` whose renewals wait for each other; who waited gets what the first one brought."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self._renewing = asyncio.Lock()

    def current(self) -> Token | None:
        """Give the token without waiting."""
        return self._tokens.current()

    async def renew(self) -> Token | TokenFailure:
        """Ask for a new token, or take the one that another shard asked for meanwhile."""
        before = self._tokens.current()
        async with self._renewing:
            token = self._tokens.current()
            if token is not None and (before is None or token.generation != before.generation):
                return token
            return await self._tokens.renew()
